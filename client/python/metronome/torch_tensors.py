"""torch tensors as messages, and back."""
import torch

from metronome import errors, messages

_NAMES = {torch.float32: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16", torch.float64: "float64", torch.int64: "int64",
          torch.int32: "int32", torch.int16: "int16", torch.int8: "int8", torch.uint8: "uint8", torch.bool: "bool"}
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}


def to_message(tensor, name=""):
    if tensor.dtype not in _NAMES:
        raise errors.InvalidArgument(f"a tensor of {tensor.dtype} cannot be sent")
    flat = tensor.detach().to("cpu").contiguous().reshape(-1)
    return messages.Tensor(name=name, dtype=_NAMES[tensor.dtype], shape=list(tensor.shape), data=flat.view(torch.uint8).numpy().tobytes())


def from_message(tensor):
    if tensor.dtype not in _DTYPES:
        raise errors.Unimplemented(f"{tensor.name} has the dtype {tensor.dtype!r}, which is none of torch's here")
    if not tensor.data:
        return torch.empty(tensor.shape, dtype=_DTYPES[tensor.dtype])
    return torch.frombuffer(bytearray(tensor.data), dtype=_DTYPES[tensor.dtype]).reshape(tensor.shape)
