"""Certificates and tokens of the Python package: the same files and variables as bench-client's."""
import hashlib
import os
import pathlib
import unittest
import warnings
from unittest import mock

import certificates
import daemon
import metronome
from metronome.credentials import is_local

VARIABLES = ("METRONOME_TLS_CA", "METRONOME_TLS_CERT", "METRONOME_TLS_KEY", "METRONOME_TOKEN_FILE", "METRONOME_TOKEN")
TOKEN = "metronome_python_reader"


class AccessTest(unittest.TestCase):
    def setUp(self):
        directory = daemon.temporary_directory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        environment = mock.patch.dict(os.environ)
        environment.start()
        self.addCleanup(environment.stop)
        for variable in VARIABLES:
            os.environ.pop(variable, None)

    def write(self, name, text, mode=0o600):
        path = self.directory / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def test_tls_and_tokens_by_arguments_and_environment(self):
        authority = certificates.Authority(self.directory, "authority")
        certificate, key = authority.issue("server")
        own_certificate, own_key = authority.issue("client")
        tokens = self.write("tokens", f"reader read {hashlib.sha256(TOKEN.encode()).hexdigest()}\n")
        token_file = self.write("token", TOKEN + "\n")
        tls = {"tls_ca": authority.certificate, "tls_cert": own_certificate, "tls_key": own_key}
        with daemon.Daemon(self.directory, "--tls-cert", str(certificate), "--tls-key", str(key), "--tls-client-ca", str(authority.certificate),
                           "--tokens", str(tokens)) as server:
            for token in ({"token": TOKEN}, {"token_file": token_file}):
                with metronome.Client(server.address, **tls, **token) as client:
                    self.assertTrue(client.models())
                    with self.assertRaisesRegex(metronome.PermissionDenied, "roles"):
                        client.compile("tiny-llama")
                    with self.assertRaises(metronome.PermissionDenied):
                        client.generate("tiny-llama", [1], 1).wait()
            with metronome.Client(server.address, **tls) as client:
                with self.assertRaisesRegex(metronome.Unauthenticated, "METRONOME_TOKEN"):
                    client.models()
            os.environ.update({f"METRONOME_{name.upper()}": str(path) for name, path in tls.items()}, METRONOME_TOKEN=TOKEN)
            with metronome.Client(server.address) as client:
                self.assertTrue(client.status().version)
            os.environ.update(METRONOME_TOKEN="metronome_of_somebody_else", METRONOME_TOKEN_FILE=str(token_file))
            with metronome.Client(server.address) as client:
                self.assertTrue(client.models())
            with self.assertRaisesRegex(metronome.Unavailable, "no daemon answers at"):
                metronome.Client(server.address, tls_cert="", tls_key="", timeout=1)

    def test_what_does_not_fit_is_refused_before_anything_is_sent(self):
        certificate, empty, two = self.write("c.pem", "x"), self.write("empty", "\n"), self.write("two", "one two")
        for said, arguments in (("need each other", {"tls_cert": certificate}), ("needs tls_ca", {"tls_cert": certificate, "tls_key": certificate}),
                                ("cannot read", {"tls_ca": self.directory / "none"}), ("has no token", {"token_file": empty}),
                                ("one word", {"token_file": two}), ("one word", {"token": "a\nb"})):
            with self.subTest(said), self.assertRaisesRegex(metronome.InvalidArgument, said):
                metronome.Client("127.0.0.1:1", timeout=0.1, **arguments)
        with self.assertRaisesRegex(metronome.InvalidArgument, "192.0.2.1:1 in the clear") as raised:
            metronome.Client("192.0.2.1:1", token=TOKEN)
        self.assertNotIn(TOKEN, str(raised.exception))

    def test_a_token_that_others_may_read_is_warned_of(self):
        open_file = self.write("open", TOKEN, 0o644)
        with warnings.catch_warnings(record=True) as caught, self.assertRaises(metronome.Unavailable):
            warnings.simplefilter("always")
            metronome.Client("127.0.0.1:1", token_file=open_file, timeout=0.1)
        self.assertEqual([str(warning.message) for warning in caught if warning.category is UserWarning],
                         [f"everybody on this machine may read the token in {open_file}: chmod 600"])

    def test_targets_that_are_on_this_machine_for_certain(self):
        for target in ("127.0.0.1:5", "127.9.9.9", "localhost:1", "[::1]:5", "unix:/tmp/x", "unix:relative"):
            self.assertTrue(is_local(target), target)
        for target in ("0.0.0.0:5", "10.0.0.1:5", "localhost.example:1", "[::2]:5", "[::1]x", "dns:///localhost", "host"):
            self.assertFalse(is_local(target), target)


if __name__ == "__main__":
    unittest.main()
