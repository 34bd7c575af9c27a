"""PyTorch modules that run on a daemon."""
import os
import tempfile
import threading
import weakref

import torch
from torch.export.graph_signature import InputKind, OutputKind, TensorArgument
from torch.utils import _pytree as pytree

from metronome import errors, torch_tensors

_OWN_OPTIONS = ("client", "address")


def client_of(options):
    """The client that options name, or one of the default address; and the other options, which are fields of CompileGraphRequest."""
    from metronome.client import Client
    from metronome.connection import DEFAULT_ADDRESS
    options = dict(options or {})
    client, address = (options.pop(name, None) for name in _OWN_OPTIONS)
    return client or Client(address or DEFAULT_ADDRESS), options


def scalars_as_tensors(tree):
    """The numbers of the tree as tensors of no dimension, which may differ from call to call. A bool stays what it is: it chooses."""
    return pytree.tree_map(lambda leaf: torch.tensor(leaf) if isinstance(leaf, (int, float)) and not isinstance(leaf, bool) else leaf, tree)


def export(module, args, kwargs, dynamic_shapes):
    with torch.no_grad():
        program = torch.export.export(module, args, kwargs, dynamic_shapes=dynamic_shapes, strict=False)
        return program.run_decompositions()


def send(client, program, options, on_progress=None):
    """The Graph of an ExportedProgram."""
    handle, path = tempfile.mkstemp(suffix=".pt2", prefix="metronome-")
    os.close(handle)
    try:
        torch.export.save(program, path)
        return client.compile_graph(path, upload=True, on_progress=on_progress, **options)
    finally:
        os.unlink(path)


def run(graph, tensors, session=None):
    """Outputs of the graph as torch tensors."""
    messages = [torch_tensors.to_message(tensor) for tensor in tensors]
    outputs = session.run(*messages) if session is not None else graph.run(*messages).outputs
    return [torch_tensors.from_message(output) for output in outputs]


def unload_quietly(graph):
    try:
        graph.unload()
    except (errors.Error, ValueError):
        pass  # Unloaded before, not allowed, or the channel is closed.


class CompiledModule:
    """A module that is called as the original, and runs on the daemon. Buffers that the original changes are kept there from call to call;
    `reset` puts them back as they were at compile time. Outputs are on the CPU and have no gradients."""

    def __init__(self, client, program, options, on_progress=None):
        signature = program.graph_signature
        self._in_spec, self._out_spec = program.call_spec.in_spec, program.call_spec.out_spec
        self._takes = [isinstance(spec.arg, TensorArgument) for spec in signature.input_specs if spec.kind == InputKind.USER_INPUT]
        self._constants = [None if taken else spec.arg.value for taken, spec in
                           zip(self._takes, (spec for spec in signature.input_specs if spec.kind == InputKind.USER_INPUT))]
        self._gives = [None if isinstance(spec.arg, TensorArgument) else spec.arg for spec in signature.output_specs
                       if spec.kind == OutputKind.USER_OUTPUT]
        if changed := [spec.target for spec in signature.output_specs if spec.kind == OutputKind.USER_INPUT_MUTATION]:
            raise errors.Unimplemented(f"the module changes its inputs {', '.join(changed)}: only buffers may change")
        self.graph = send(client, program, options, on_progress)
        self._session = self.graph.session() if signature.buffers_to_mutate else None
        self._lock = threading.Lock()  # Of the session.
        self._finalizer = weakref.finalize(self, unload_quietly, self.graph)

    def __call__(self, *args, **kwargs):
        leaves, spec = pytree.tree_flatten((scalars_as_tensors(args), scalars_as_tensors(kwargs)))
        if spec != self._in_spec:
            raise errors.InvalidArgument(f"the module was compiled for arguments {self._in_spec}, not {spec}")
        for taken, constant, leaf in zip(self._takes, self._constants, leaves):
            if not taken and leaf != constant:
                raise errors.InvalidArgument(f"the module was compiled for the constant {constant!r}, not {leaf!r}")
        tensors = [leaf for taken, leaf in zip(self._takes, leaves) if taken]
        with self._lock:
            outputs = iter(run(self.graph, tensors, self._session))
        return pytree.tree_unflatten([next(outputs) if given is None else given.value for given in self._gives], self._out_spec)

    def reset(self):
        with self._lock:
            if self._session is not None:
                self._session.close()

    def close(self):
        """Frees it on the daemon."""
        self._finalizer()


def compile(module, example_inputs=(), example_kwargs=None, *, dynamic_shapes=None, on_progress=None, **options):
    """Exports a module (torch.export, in ATen after decomposition), sends it with its weights, and compiles it once for all calls.

    Ints and floats among the inputs may vary: they become tensors of no dimension. `dynamic_shapes` are torch.export's, of sizes that vary.
    `options`: client or address, and fields of CompileGraphRequest."""
    client, options = client_of(options)
    program = export(module.eval(), scalars_as_tensors(tuple(example_inputs)), scalars_as_tensors(dict(example_kwargs or {})), dynamic_shapes)
    return CompiledModule(client, program, options, on_progress)
