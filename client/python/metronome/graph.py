"""Exported programs on the daemon, and tensors for them."""
import dataclasses
import math
import os

from metronome import errors, messages

_PART_BYTES = 4 << 20
ELEMENT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8, "int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1,
                 "bool": 1}


def tensor_of(value, name=""):
    """A message Tensor of one, of a torch.Tensor, or of whatever has a buffer with a type and shape: numpy arrays, memoryview, array."""
    if isinstance(value, messages.Tensor):
        return value
    if type(value).__module__.partition(".")[0] == "torch" or hasattr(value, "detach"):
        from metronome import torch_tensors
        return torch_tensors.to_message(value, name)
    view = memoryview(value)
    kinds = {"f": "float32", "d": "float64", "e": "float16", "q": "int64", "l": f"int{8 * view.itemsize}", "i": "int32", "h": "int16",
             "b": "int8", "B": "uint8", "?": "bool"}
    dtype = kinds.get(view.format.lstrip("@=<"))
    if dtype is None:
        raise errors.InvalidArgument(f"a tensor cannot have elements of the format {view.format!r}")
    return messages.Tensor(name=name, dtype=dtype, shape=list(view.shape), data=view.tobytes())


def array_of(tensor):
    """The elements of a message Tensor as a memoryview of its shape. InvalidArgument for bfloat16, which has none."""
    formats = {"float32": "f", "float64": "d", "float16": "e", "int64": "q", "int32": "i", "int16": "h", "int8": "b", "uint8": "B",
               "bool": "?"}
    if tensor.dtype not in formats:
        raise errors.InvalidArgument(f"{tensor.dtype} has no buffer format: take .data")
    count = math.prod(tensor.shape)
    if len(tensor.data) != count * ELEMENT_BYTES[tensor.dtype]:
        raise errors.DataLoss(f"{tensor.name} has {len(tensor.data)} bytes for the shape {tensor.shape}")
    flat = memoryview(tensor.data)
    return flat.cast(formats[tensor.dtype], tensor.shape) if count and tensor.shape else flat.cast(formats[tensor.dtype])


class Graph:
    """A program that is loaded. The end of a `with` block unloads it."""

    def __init__(self, connection, info):
        self._connection = connection
        self.info = info  # GraphInfo: inputs, outputs, kernels, times.

    @property
    def id(self):
        return self.info.graph

    def run(self, *inputs, session="", keep_session=False, timeout=None, **named):
        """Runs it once: an ExecuteGraphResponse, whose outputs are message Tensors. Inputs stand at their places, or have names."""
        tensors = [tensor_of(value) for value in inputs] + [tensor_of(value, name) for name, value in named.items()]
        for tensor, name in zip(tensors[len(inputs):], named):
            tensor.name = name
        request = messages.ExecuteGraphRequest(graph=self.id, inputs=tensors, session=session, keep_session=keep_session)
        return self._connection.call("ExecuteGraph", request, timeout)

    def session(self):
        """A sequence of runs, each of which finds what the program kept of the one before."""
        return GraphSession(self)

    def close_session(self, session):
        self._connection.call("CloseSession", messages.CloseSessionRequest(session=session))

    def unload(self):
        """How many sessions were closed with it."""
        return self._connection.call("UnloadGraph", messages.UnloadGraphRequest(graph=self.id)).sessions_closed

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.unload()
        except (errors.NotFound, errors.PermissionDenied):
            pass  # Unloaded before; or only an admin may, and the daemon frees it once it is idle.


class GraphSession:
    def __init__(self, graph):
        self._graph = graph
        self.id = ""        # From the first run on.
        self.positions = 0  # In its static cache.

    def run(self, *inputs, timeout=None, **named):
        """The outputs of the next run."""
        answer = self._graph.run(*inputs, session=self.id, keep_session=not self.id, timeout=timeout, **named)
        self.id, self.positions = answer.session or self.id, answer.positions
        return answer.outputs

    def close(self):
        if self.id:
            self._graph.close_session(self.id)
            self.id = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.close()
        except errors.NotFound:
            pass  # Expired, or unloaded with its graph.


def _upload(connection, path):
    upload = messages.UploadGraphResponse()
    with open(path, "rb") as file:
        while part := file.read(_PART_BYTES):
            request = messages.UploadGraphRequest(upload=upload.upload, offset=upload.bytes, data=part)
            upload = connection.call("UploadGraph", request)
    if not upload.upload:
        raise errors.InvalidArgument(f"{path} is empty")
    return upload.upload


def compile_graph(connection, path, *, upload, on_progress, timeout, options):
    """The Graph of a .pt2 file. A daemon that cannot have the file by its path, or may not, is sent it."""
    connection.require("CompileGraph")
    unknown = sorted(set(options) - {field.name for field in dataclasses.fields(messages.CompileGraphRequest)})
    if unknown:
        raise errors.Unimplemented(f"CompileGraph has no option {', '.join(unknown)}")
    path = os.path.abspath(os.path.expanduser(os.fspath(path)))

    def compile_request(**source):
        request = messages.CompileGraphRequest(**options, **source)
        return Graph(connection, connection.last_of_progress("CompileGraph", request, "graph", on_progress, timeout))

    if not upload:
        try:
            return compile_request(path=path)
        except (errors.NotFound, errors.PermissionDenied):
            if not os.path.isfile(path):
                raise
    return compile_request(upload=_upload(connection, path))
