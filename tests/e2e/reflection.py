"""A gRPC client that knows nothing of Metronome: it learns services and messages from the server's reflection.

The reflection protocol itself (grpc/reflection/v1alpha/reflection.proto) is the one description it brings along, field numbers and all.
"""
import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_SERVICE = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


def _message_class(pool, name):
    descriptor = pool.FindMessageTypeByName(name)
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)
    return message_factory.MessageFactory(pool).GetPrototype(descriptor)  # protobuf before 4.22.


def _reflection_classes():
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package="grpc.reflection.v1alpha", syntax="proto3")

    def message(name, *fields):
        added = file.message_type.add(name=name)
        for number, field_name, kind, repeated in fields:
            added.field.add(name=field_name, number=number,
                            label=field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL,
                            **({"type": kind} if isinstance(kind, int) else
                               {"type": field.TYPE_MESSAGE, "type_name": f".grpc.reflection.v1alpha.{kind}"}))

    message("ServerReflectionRequest", (3, "file_by_filename", field.TYPE_STRING, False),
            (4, "file_containing_symbol", field.TYPE_STRING, False), (7, "list_services", field.TYPE_STRING, False))
    message("FileDescriptorResponse", (1, "file_descriptor_proto", field.TYPE_BYTES, True))
    message("ServiceResponse", (1, "name", field.TYPE_STRING, False))
    message("ListServiceResponse", (1, "service", "ServiceResponse", True))
    message("ErrorResponse", (1, "error_code", field.TYPE_INT32, False), (2, "error_message", field.TYPE_STRING, False))
    message("ServerReflectionResponse", (4, "file_descriptor_response", "FileDescriptorResponse", False),
            (6, "list_services_response", "ListServiceResponse", False), (7, "error_response", "ErrorResponse", False))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    prefix = "grpc.reflection.v1alpha."
    return _message_class(pool, prefix + "ServerReflectionRequest"), _message_class(pool, prefix + "ServerReflectionResponse")


class Client:
    """call("metronome.v1.Inference", "Prefill", {...}) with dictionaries as requests."""

    def __init__(self, address, timeout_s=120):
        self._timeout_s = timeout_s
        self.channel = grpc.insecure_channel(address)  # With gRPC's default limits.
        self._request, response = _reflection_classes()
        self._reflect = self.channel.stream_stream(_SERVICE, self._request.SerializeToString, response.FromString)
        self._pool = descriptor_pool.DescriptorPool()
        self._files = set()

    def close(self):
        self.channel.close()

    def _ask(self, **question):
        answer = next(self._reflect(iter([self._request(**question)])))
        if answer.HasField("error_response"):
            raise LookupError(answer.error_response.error_message)
        return answer

    def services(self):
        return [service.name for service in self._ask(list_services="*").list_services_response.service]

    def _add(self, files):
        parsed = [descriptor_pb2.FileDescriptorProto.FromString(data) for data in files]
        for file in parsed:
            if file.name in self._files:
                continue
            self._files.add(file.name)
            for dependency in file.dependency:
                if dependency not in self._files:
                    self._add(self._ask(file_by_filename=dependency).file_descriptor_response.file_descriptor_proto)
            self._pool.Add(file)

    def _method(self, service, name):
        try:
            descriptor = self._pool.FindServiceByName(service)
        except KeyError:
            self._add(self._ask(file_containing_symbol=service).file_descriptor_response.file_descriptor_proto)
            descriptor = self._pool.FindServiceByName(service)
        file = descriptor_pb2.ServiceDescriptorProto()
        descriptor.CopyToProto(file)
        streams = next(method.server_streaming for method in file.method if method.name == name)
        method = descriptor.methods_by_name[name]
        request = _message_class(self._pool, method.input_type.full_name)
        response = _message_class(self._pool, method.output_type.full_name)
        stub = self.channel.unary_stream if streams else self.channel.unary_unary
        return request, stub(f"/{service}/{name}", request.SerializeToString, response.FromString)

    def call(self, service, name, fields=None, timeout=None):
        """The response, or an iterator of them."""
        request, stub = self._method(service, name)
        return stub(request(**(fields or {})), timeout=timeout or self._timeout_s)

    def future(self, service, name, fields, timeout):
        """A unary call that goes on meanwhile."""
        request, stub = self._method(service, name)
        return stub.future(request(**fields), timeout=timeout)

    def is_serving(self, service=""):
        """What grpc.health.v1.Health says; reflection does not describe it. A request has the service, field 1, or nothing to ask for the whole
        server, and status, field 1 of the answer, is SERVING at 1."""
        check = self.channel.unary_unary("/grpc.health.v1.Health/Check", lambda request: request, lambda response: response)
        name = service.encode()
        return check(b"\x0a" + bytes([len(name)]) + name if name else b"", timeout=30) == b"\x08\x01"

    def inference(self, name, **fields):
        return self.call("metronome.v1.Inference", name, fields)

    def benchmark(self, name, **fields):
        return self.call("metronome.v1.Benchmark", name, fields)
