"""Hosts that vanish without a word are noticed, from either side; clients that ping are left alone."""
import os
import socket
import subprocess
import threading
import time
import unittest

import grpc

import daemon
import reflection

NOTICED_WITHIN_S = 20


class Relay:
    """Forwards TCP between its port and a server's until told to fall silent: then it keeps all sockets and reads none."""

    def __init__(self, address):
        self._target = address.rsplit(":", 1)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self._listener.getsockname()[1]
        self._silent = threading.Event()
        self._sockets = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection((self._target[0], int(self._target[1])))
            self._sockets += [near, far]
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source, sink):
        while True:
            try:
                data = source.recv(65536)
                if self._silent.is_set():
                    return
                if not data:
                    sink.shutdown(socket.SHUT_WR)
                    return
                sink.sendall(data)
            except OSError:
                return

    def fall_silent(self):
        self._silent.set()

    def close(self):
        for each in self._sockets:
            each.close()


class KeepaliveTest(unittest.TestCase):
    def setUp(self):
        directory = daemon.temporary_directory()
        self.addCleanup(directory.cleanup)
        self.server = daemon.Daemon(directory.name).__enter__()
        self.addCleanup(self.server.__exit__)
        self.relay = Relay(self.server.address)
        self.addCleanup(self.relay.close)
        self.client = reflection.Client(self.server.address)
        self.addCleanup(self.client.close)

    def hold_a_call_and_ping(self):
        """A call that lasts, on a connection that pings every second, and a list that its end goes to."""
        channel = grpc.insecure_channel(self.server.address, options=[
            ("grpc.keepalive_time_ms", 1000), ("grpc.keepalive_timeout_ms", 5000), ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0)])
        self.addCleanup(channel.close)
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch", lambda _: b"", bytes)(None)
        next(watch)
        ends = []

        def follow():
            try:
                list(watch)
            except grpc.RpcError as error:
                ends.append(error)
        threading.Thread(target=follow, daemon=True).start()
        return ends

    def test_both_sides_notice_silence_and_pings_are_allowed(self):
        ends = self.hold_a_call_and_ping()
        benchmark = subprocess.Popen(
            [os.environ["BENCH_CLIENT"], "run", "--server", self.relay.address, "--models", "tiny-gemma3", "--paths", "eager",
             "--iters", "1000", "--decode-tokens", "1000"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(benchmark.stdout.close)
        self.addCleanup(benchmark.kill)
        while not self.client.inference("GetServerInfo").models:  # It is loaded just before it is measured.
            self.assertIsNone(benchmark.poll())
            time.sleep(0.05)

        self.relay.fall_silent()
        start = time.monotonic()
        list(self.client.inference("Compile", model="tiny-llama"))  # Waits for the benchmark to end.

        by_server = time.monotonic() - start
        self.assertLess(by_server, NOTICED_WITHIN_S)
        self.assertEqual(benchmark.wait(timeout=NOTICED_WITHIN_S), 4)  # No daemon.
        print(f"noticed by the server after {by_server:.1f} s, by the client after {time.monotonic() - start:.1f} s")
        self.assertLess(time.monotonic() - start, NOTICED_WITHIN_S)
        self.assertEqual(ends, [])


if __name__ == "__main__":
    unittest.main()
