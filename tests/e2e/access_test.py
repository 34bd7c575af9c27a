"""Who may call: a daemon with TLS, client certificates and tokens, bench-client, and a client that shares no code with either."""
import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

import grpc

import certificates
import daemon

CLIENT = pathlib.Path(daemon.BINARY).parent / "bench-client"
LIST_MODELS = "/metronome.v1.Inference/ListModels"  # An empty message asks.


class AccessTest(unittest.TestCase):
    def setUp(self):
        directory = daemon.temporary_directory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.authority = certificates.Authority(self.directory, "authority")
        self.certificate, self.key = self.authority.issue("server")
        self.own = self.authority.issue("client")
        self.tokens = self.directory / "tokens"
        self.write(self.tokens, "")
        self.reader = self.new_token("reader", "read")
        self.bench = self.new_token("bench", "read,benchmark")
        self.admin = self.new_token("admin", "admin")

    def write(self, path, text):
        path.touch(0o600)
        path.write_text(text)
        return path

    def new_token(self, name, roles):
        """A file with a new token, whose line is in the daemon's file."""
        made = subprocess.run([CLIENT, "token", "new", "--name", name, "--roles", roles], capture_output=True, text=True, check=True)
        token, line = made.stdout.splitlines()
        with open(self.tokens, "a") as file:
            file.write(line + "\n")
        return self.write(self.directory / f"{name}.token", token + "\n")

    def serve(self, *flags):
        return daemon.Daemon(self.directory, "--tls-cert", str(self.certificate), "--tls-key", str(self.key), "--tls-client-ca",
                             str(self.authority.certificate), "--tokens", str(self.tokens), *flags)

    def client(self, server, *arguments, ca=None, own=None, token=None, **variables):
        """bench-client with the right certificates unless told otherwise."""
        certificate, key = own or self.own
        command = [CLIENT, *map(str, arguments), "--server", server.address, "--tls-ca", str(ca or self.authority.certificate)]
        if own != ():
            command += ["--tls-cert", str(certificate), "--tls-key", str(key)]
        if token:
            command += ["--token-file", str(token)]
        environment = {**os.environ, "HOME": str(self.directory), **variables}
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)

    def code(self, server, token_file=None, path=LIST_MODELS, request=b"", tls=True):
        """What a foreign client gets for its call."""
        trusted = grpc.ssl_channel_credentials(self.authority.certificate.read_bytes(), self.own[1].read_bytes(), self.own[0].read_bytes())
        channel = grpc.secure_channel(server.address, trusted) if tls else grpc.insecure_channel(server.address)
        metadata = [("authorization", "Bearer " + token_file.read_text().strip())] if token_file else None
        with channel:
            try:
                channel.unary_unary(path)(request, metadata=metadata, timeout=30)
            except grpc.RpcError as error:
                return error.code()
            return grpc.StatusCode.OK

    def hang_up(self, server, *said):
        before = len(server.log())
        server.process.send_signal(signal.SIGHUP)
        give_up = time.monotonic() + 30
        while "reloaded: log level" not in server.log()[before:] and time.monotonic() < give_up:
            time.sleep(0.01)
        for text in (*said, "reloaded: log level"):
            self.assertIn(text, server.log()[before:])

    def test_right_certificates_and_a_role_are_needed(self):
        with self.serve() as server:
            self.assertEqual(self.code(server, self.reader), grpc.StatusCode.OK)
            self.assertEqual(self.code(server), grpc.StatusCode.UNAUTHENTICATED)
            self.assertEqual(self.code(server, self.reader, tls=False), grpc.StatusCode.UNAVAILABLE)
            for path in ("/metronome.v1.Inference/Unload", "/metronome.v1.Benchmark/StartRun", "/made/up"):
                self.assertEqual(self.code(server), grpc.StatusCode.UNAUTHENTICATED, path)
                self.assertEqual(self.code(server, self.reader, path), grpc.StatusCode.PERMISSION_DENIED, path)
            self.assertEqual(self.code(server, path="/grpc.health.v1.Health/Check"), grpc.StatusCode.OK)
            self.assertEqual(self.code(server, self.admin, "/made/up"), grpc.StatusCode.UNIMPLEMENTED)
            self.assertIn("denied ListModels: UNAUTHENTICATED, no valid token", server.log())

    def test_bench_client_measures_with_a_token(self):
        with self.serve() as server:
            run = self.client(server, "run", "--models", "tiny-llama", "--iters", 2, "--decode-tokens", 3, "--prompt-tokens", 4, token=self.bench)
            self.assertEqual(run.returncode, 0, run.stderr)
            shown = self.client(server, "show", METRONOME_TOKEN_FILE=str(self.reader))
            self.assertEqual(shown.returncode, 0, shown.stderr)
            models = self.client(server, "models", METRONOME_TOKEN=self.reader.read_text().strip())
            self.assertEqual(models.returncode, 0, models.stderr)
            denied = self.client(server, "unload", "tiny-llama", token=self.bench)
            self.assertEqual((denied.returncode, denied.stderr), (1, "bench-client: the token's roles do not allow this\n"))
            stranger = self.write(self.directory / "stranger", "metronome_of_somebody_else")
            for token in (None, stranger):
                refused = self.client(server, "unload", "tiny-llama", token=token)
                self.assertEqual(refused.returncode, 1)
                self.assertIn("a valid token is needed: give --token-file FILE", refused.stderr)
            for command in ("compile", "unload"):
                self.assertEqual(self.client(server, command, "tiny-llama", token=self.admin).returncode, 0, command)

    def test_wrong_certificates_do_not_connect(self):
        other = certificates.Authority(self.directory, "other")
        with self.serve() as server:
            for arguments in ({"ca": other.certificate}, {"own": other.issue("client")}, {"own": self.authority.issue("old", expired=True)},
                              {"own": ()}):
                refused = self.client(server, "models", token=self.reader, **arguments)
                self.assertEqual(refused.returncode, 4, (arguments, refused.stderr))
                self.assertIn(f"no daemon answers at {server.address} (", refused.stderr)
            self.assertEqual(self.client(server, "models", token=self.reader).returncode, 0)

    def test_certificates_that_cannot_serve_are_refused_at_start(self):
        old_certificate, old_key = self.authority.issue("old", expired=True)
        for certificate, key, said in ((old_certificate, old_key, "expired at"), (self.certificate, old_key, "not the key of the certificate"),
                                       (self.directory / "none", self.key, "tls-cert: cannot open"),
                                       (self.certificate, self.directory, "is not a regular file")):
            code, output = daemon.run_to_exit("--listen", "127.0.0.1:0", "--metrics-listen", "", "--db", str(self.directory / "x.db"),
                                              "--tls-cert", str(certificate), "--tls-key", str(key))
            self.assertEqual(code, 1, output)
            self.assertIn(said, output)
        code, output = daemon.run_to_exit("--tls-cert", str(self.certificate))
        self.assertEqual(code, 2, output)
        self.assertIn("tls_cert and tls_key need each other", output)

    def test_token_files_that_cannot_be_trusted_are_refused_at_start(self):
        flags = ("--listen", "127.0.0.1:0", "--metrics-listen", "", "--db", str(self.directory / "x.db"), "--tokens", str(self.tokens))
        self.tokens.chmod(0o644)
        code, output = daemon.run_to_exit(*flags)
        self.assertEqual(code, 1, output)
        self.assertIn(f"{self.tokens} has mode 0644", output)
        self.tokens.chmod(0o600)
        with open(self.tokens, "a") as file:
            file.write("broken line\n")
        code, output = daemon.run_to_exit(*flags)
        self.assertEqual(code, 1, output)
        self.assertIn(f"{self.tokens}:4: ", output)

    def test_other_machines_need_tls_and_tokens(self):
        flags = ("--metrics-listen", "", "--db", str(self.directory / "x.db"))
        for listen in ("0.0.0.0:0", "[::]:0"):
            code, output = daemon.run_to_exit("--listen", listen, *flags)
            self.assertEqual(code, 1, output)
            self.assertIn("it lacks TLS (--tls-cert, --tls-key) and tokens (--tokens)", output)
        code, output = daemon.run_to_exit("--listen", "0.0.0.0:0", *flags, "--tokens", str(self.tokens))
        self.assertEqual(code, 1, output)
        self.assertIn("it lacks TLS (--tls-cert, --tls-key);", output)
        with daemon.Daemon(self.directory, "--insecure", listen="0.0.0.0:0") as server:
            self.assertIn("insecure: other machines reach 0.0.0.0:0 without TLS", server.log())
            self.assertEqual(self.code(server, tls=False), grpc.StatusCode.OK)
            self.hang_up(server, "insecure: other machines reach 0.0.0.0:0 without TLS")
        with daemon.Daemon(self.directory, "--tls-cert", str(self.certificate), "--tls-key", str(self.key), "--tokens", str(self.tokens),
                           listen="0.0.0.0:0") as server:
            self.assertNotIn("insecure", server.log())
            self.assertEqual(self.code(server, self.reader), grpc.StatusCode.OK)

    def test_tokens_without_tls_on_this_machine(self):
        path = self.directory / "socket"
        with daemon.Daemon(self.directory, "--tokens", str(self.tokens), listen=f"unix:{path}") as server:
            server.address = f"unix:{path}"
            self.assertEqual(self.code(server, tls=False), grpc.StatusCode.UNAUTHENTICATED)
            self.assertEqual(self.code(server, self.reader, tls=False), grpc.StatusCode.OK)
            models = subprocess.run([CLIENT, "models", "--server", server.address, "--token-file", self.reader], capture_output=True)
            self.assertEqual(models.returncode, 0, models.stderr)

    def test_hang_up_rotates_and_what_is_broken_changes_nothing(self):
        with self.serve() as server:
            successor = self.new_token("successor", "read")
            lines = self.tokens.read_text().splitlines(keepends=True)
            self.tokens.write_text("".join(line for line in lines if not line.startswith("reader ")))
            new_authority = certificates.Authority(self.directory, "new")
            for new, old in zip(new_authority.issue("server"), (self.certificate, self.key)):
                shutil.copyfile(new, old)
            self.hang_up(server, "TLS certificate", "3 tokens in")
            self.assertEqual(self.client(server, "models", token=successor).returncode, 4)  # Trusts the old authority.
            trusting = {"ca": new_authority.certificate}
            self.assertEqual(self.client(server, "models", token=successor, **trusting).returncode, 0)
            self.assertEqual(self.client(server, "models", token=self.reader, **trusting).returncode, 1)

            self.key.write_text("broken")
            self.tokens.write_text("broken\n")
            self.hang_up(server, "TLS not reloaded, the certificate in use stays", "tokens not reloaded, those in use stay", "tokens:1: ")
            self.assertEqual(self.client(server, "models", token=successor, **trusting).returncode, 0)

    def test_no_secret_is_in_a_log_or_goes_out_in_the_clear(self):
        with self.serve("--log-level", "debug") as server:
            self.client(server, "models", token=self.admin)
            stranger = self.write(self.directory / "stranger", "metronome_of_somebody_else")
            refused = self.client(server, "models", token=stranger)
            self.hang_up(server)
            for text in (server.log(), refused.stderr):
                self.assertNotIn(self.admin.read_text().strip(), text)
                self.assertNotIn("somebody_else", text)
        refused = subprocess.run([CLIENT, "models", "--server", "192.0.2.1:1", "--token-file", self.admin], capture_output=True, text=True)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("the token would go to 192.0.2.1:1 in the clear", refused.stderr)


if __name__ == "__main__":
    unittest.main()
