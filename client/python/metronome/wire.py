"""Between the dataclasses of messages.py and the bytes of the protocol, whichever protobuf runtime is installed."""
import dataclasses
import functools
import pathlib

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from metronome import messages

PACKAGE = "metronome.v1"


def _load():
    files = descriptor_pb2.FileDescriptorSet.FromString((pathlib.Path(__file__).parent / "protocol.binpb").read_bytes())
    pool = descriptor_pool.DescriptorPool()  # Apart from the default one, where others may have the same names.
    for file in files.file:
        pool.AddSerializedFile(file.SerializeToString())
    return files, pool


_FILES, _POOL = _load()


def _class_of(descriptor):
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(_POOL).GetPrototype(descriptor)  # protobuf before 4.22.


@functools.lru_cache(maxsize=None)
def _wire_class(name):
    return _class_of(_POOL.FindMessageTypeByName(f"{PACKAGE}.{name}"))


@dataclasses.dataclass(frozen=True)
class Method:
    path: str
    request: type   # A dataclass.
    response: type  # Likewise, of each message of a stream.
    streams: bool


def _methods():
    return {method.name: Method(f"/{PACKAGE}.{service.name}/{method.name}", *(getattr(messages, name.rsplit(".", 1)[1])
                                                                                for name in (method.input_type, method.output_type)),
                                method.server_streaming)
            for file in _FILES.file for service in file.service for method in service.method}


METHODS = _methods()  # By name.


@dataclasses.dataclass(frozen=True)
class _Field:
    name: str
    message: type | None  # The dataclass of a message field that is no map.
    repeated: bool
    is_map: bool
    presence: bool  # None where the message does not have it.


@functools.lru_cache(maxsize=None)
def _fields(cls):
    proto = descriptor_pb2.DescriptorProto()
    _POOL.FindMessageTypeByName(f"{PACKAGE}.{cls.__name__}").CopyToProto(proto)
    maps = {nested.name for nested in proto.nested_type}
    fields = []
    for field in proto.field:
        kind = field.type_name.rsplit(".", 1)[-1] if field.type == field.TYPE_MESSAGE else ""
        repeated = field.label == field.LABEL_REPEATED
        fields.append(_Field(field.name, getattr(messages, kind) if kind and kind not in maps else None, repeated, kind in maps,
                             not repeated and (bool(kind) or field.HasField("oneof_index"))))
    return fields


def from_wire(cls, wire):
    """The dataclass `cls` of a protobuf message."""
    values = {}
    for field in _fields(cls):
        if field.presence and not wire.HasField(field.name):
            continue
        value = getattr(wire, field.name)
        if field.is_map:
            value = dict(value)
        elif field.repeated:
            value = [from_wire(field.message, item) for item in value] if field.message else list(value)
        elif field.message:
            value = from_wire(field.message, value)
        values[field.name] = value
    return cls(**values)


def to_wire(message):
    """The protobuf message of a dataclass. TypeError and ValueError, as protobuf raises them, name what does not fit."""
    wire = _wire_class(type(message).__name__)()
    for field in _fields(type(message)):
        value = getattr(message, field.name)
        if value is None:
            continue
        try:
            _set(wire, field, value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{type(message).__name__}.{field.name}: {error}") from None
    return wire


def _set(wire, field, value):
    if field.is_map:
        getattr(wire, field.name).update(value)
    elif field.repeated:
        getattr(wire, field.name).extend([to_wire(item) for item in value] if field.message else value)
    elif field.message:
        getattr(wire, field.name).CopyFrom(to_wire(value))
    else:
        setattr(wire, field.name, value)


def serialize(message):
    return to_wire(message).SerializeToString()


def parser(cls):
    """The function that parses bytes as `cls`."""
    wire_class = _wire_class(cls.__name__)
    return lambda data: from_wire(cls, wire_class.FromString(data))
