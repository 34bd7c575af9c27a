"""A channel to a daemon, and calls through it with dataclasses."""
import threading

import grpc

from metronome import errors, messages, wire

DEFAULT_ADDRESS = "127.0.0.1:50551"
# A ping follows this much silence during a call, and has as long for its answer: a server that vanished is noticed within 15 s.
_KEEPALIVE_MS = 7000
_OPTIONS = (("grpc.keepalive_time_ms", _KEEPALIVE_MS), ("grpc.keepalive_timeout_ms", _KEEPALIVE_MS),
            ("grpc.http2.max_pings_without_data", 0), ("grpc.max_receive_message_length", -1))


class Stream:
    """The messages of a streaming call. Leaving it early cancels the call."""

    def __init__(self, call, method):
        self._call, self._method = call, method

    def __iter__(self):
        return self

    def __next__(self):
        try:
            return next(self._call)
        except grpc.RpcError as error:
            raise errors.from_grpc(error, self._method) from None

    def cancel(self):
        self._call.cancel()


class Connection:
    """Thread-safe. Unavailable where no daemon answers within `timeout` seconds."""

    def __init__(self, address, credentials, timeout):
        self.address = address
        self._channel, self._metadata = credentials.channel(address, _OPTIONS)
        self._stubs, self._lock = {}, threading.Lock()
        try:
            grpc.channel_ready_future(self._channel).result(timeout=timeout)
        except grpc.FutureTimeoutError:
            reason = self._why_not_connected()
            self._channel.close()
            raise errors.Unavailable(f"no daemon answers at {address}{reason}") from None

    def _why_not_connected(self):
        try:
            self.call("ListModels", messages.ListModelsRequest(), timeout=1)
        except errors.Error as error:
            return f" ({error})"
        return ""

    @staticmethod
    def require(name):
        """Unimplemented where the protocol that the package was built from has no such method."""
        if name not in wire.METHODS:
            raise errors.Unimplemented(f"the protocol that this package was built from has no {name}")

    def _stub(self, name):
        self.require(name)
        method = wire.METHODS[name]
        with self._lock:
            if name not in self._stubs:
                make = self._channel.unary_stream if method.streams else self._channel.unary_unary
                self._stubs[name] = make(method.path, None, wire.parser(method.response))
            return self._stubs[name]

    def call(self, name, request, timeout=None):
        """The answer of a unary call."""
        try:
            return self._stub(name)(wire.serialize(request), timeout=timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise errors.from_grpc(error, name) from None

    def stream(self, name, request, timeout=None):
        return Stream(self._stub(name)(wire.serialize(request), timeout=timeout, metadata=self._metadata), name)

    def last_of_progress(self, name, request, result, on_progress, timeout):
        """The field `result` of the last message of a stream of progress; `on_progress` gets what comes before."""
        stream = self.stream(name, request, timeout)
        found = None
        try:
            for response in stream:
                if response.progress is not None and on_progress is not None:
                    on_progress(response.progress)
                found = getattr(response, result) or found
        finally:
            stream.cancel()  # Where `on_progress` raised; nothing once the call has ended.
        if found is None:
            raise errors.Internal(f"the stream of {name} ended without a result")
        return found

    def pages(self, name, request, items, timeout=None):
        """The items of all pages of a list, each page asked for when it is needed."""
        while True:
            page = self.call(name, request, timeout)
            yield from getattr(page, items)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def close(self):
        self._channel.close()
