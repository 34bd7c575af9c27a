"""Decode steps of HuggingFace models as exported programs."""
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.cache_utils import StaticCache, StaticLayer

from metronome import errors

# What a text model's weights are called within multimodal checkpoints, and alone.
_TEXT_MODEL_NAMES = {r"^(model\.)?language_model\.(model\.)?(?!lm_head)": "model.", r"^language_model\.lm_head": "lm_head"}


class DecodeStep(nn.Module):
    """ids [1, n] at positions [n] -> logits [1, n, vocabulary]. Keys and values are buffers of `capacity` positions, which a step changes.

    Every layer has the whole cache, those with a window too, whose mask hides what is outside it: so positions are rows everywhere."""

    def __init__(self, model, capacity):
        super().__init__()
        self.model = model
        config = model.config.get_text_config()
        self.cache = StaticCache(config=config, max_cache_len=capacity)
        self.cache.layers = [StaticLayer(capacity) for _ in self.cache.layers]
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.cache.early_initialization(1, config.num_key_value_heads, head_dim, model.dtype, model.device)
        for i, layer in enumerate(self.cache.layers):
            self.register_buffer(f"key_{i}", layer.keys, persistent=False)
            self.register_buffer(f"value_{i}", layer.values, persistent=False)

    def forward(self, ids, positions):
        for i, layer in enumerate(self.cache.layers):
            layer.keys, layer.values = getattr(self, f"key_{i}"), getattr(self, f"value_{i}")
            layer.cumulative_length = positions[0].clone()
        return self.model(input_ids=ids, position_ids=positions[None], past_key_values=self.cache, use_cache=True).logits


def export_decode_step(model, capacity, max_tokens=1):
    """The ExportedProgram of a transformers model's DecodeStep, in ATen after decomposition. A step takes one token, or with `max_tokens` any
    number up to that."""
    step = DecodeStep(model.eval().requires_grad_(False), capacity)
    dynamic = None
    tokens = 1
    if max_tokens > 1:
        dimension = torch.export.Dim("tokens", min=1, max=min(max_tokens, capacity))
        dynamic, tokens = ({1: dimension}, {0: dimension}), min(4, max_tokens, capacity)
    example = (torch.zeros(1, tokens, dtype=torch.int64, device=model.device), torch.arange(tokens, device=model.device))
    with torch.no_grad():
        return torch.export.export(step, example, dynamic_shapes=dynamic, strict=False).run_decompositions()


def export_causal_lm(directory, output, *, capacity=4096, max_tokens=1, dtype="bfloat16"):
    """Writes the decode step of the model in a HuggingFace directory, or of a repository, to the file `output`; gives its ExportedProgram.

    Inputs `ids` [1, n] and `positions` [n], output logits [1, n, vocabulary]; keys and values of `capacity` positions at most are kept from step to
    step. `dtype`: of weights and cache; "auto" is the checkpoint's."""
    kind = dtype if dtype == "auto" or isinstance(dtype, torch.dtype) else getattr(torch, dtype)
    whole = AutoConfig.from_pretrained(directory)
    config = whole.get_text_config()  # Of a multimodal model, what decodes text.
    names = _TEXT_MODEL_NAMES if config is not whole else None
    model, loading = AutoModelForCausalLM.from_pretrained(directory, config=config, dtype=kind, key_mapping=names, output_loading_info=True)
    if loading["missing_keys"]:
        raise errors.NotFound(f"{directory} lacks {len(loading['missing_keys'])} weights, the first {min(loading['missing_keys'])}")
    capacity = min(capacity, model.config.get_text_config().max_position_embeddings)
    program = export_decode_step(model, capacity, max_tokens)
    torch.export.save(program, output)
    return program
