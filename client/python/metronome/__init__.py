"""Metronome from Python: `Client` calls a daemon; `compile` and `export_causal_lm` give it PyTorch modules."""
from metronome import errors, messages
from metronome.client import Client
from metronome.connection import DEFAULT_ADDRESS
from metronome.errors import *  # noqa: F401,F403  Every exception, by its name.
from metronome.generation import Generation, Session
from metronome.graph import Graph, GraphSession
from metronome.messages import *  # noqa: F401,F403  Every message, by its name.


def compile(module, example_inputs=(), example_kwargs=None, **options):
    """A PyTorch module that runs on a daemon: metronome.torch_compile.compile, which needs torch."""
    from metronome import torch_compile
    return torch_compile.compile(module, example_inputs, example_kwargs, **options)


def export_causal_lm(directory, output, **options):
    """Writes a HuggingFace model's decode step as an exported program: metronome.causal_lm.export_causal_lm, which needs torch and transformers."""
    from metronome import causal_lm
    return causal_lm.export_causal_lm(directory, output, **options)
