"""Authorities and certificates for one test, made by the openssl program."""
import subprocess


def _openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Authority:
    """issue() gives the paths of a certificate for 127.0.0.1 and of its key, in `directory`."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        self.certificate = directory / f"{name}.pem"
        self._key = directory / f"{name}.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30, "-subj", f"/CN={name}",
                 "-keyout", self._key, "-out", self.certificate)

    def issue(self, name, expired=False):
        certificate, key, request = (self.directory / f"{self.name}-{name}.{suffix}" for suffix in ("pem", "key", "csr"))
        extensions = self.directory / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        # A certificate of minus one day ended yesterday.
        _openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key, "-CAcreateserial",
                 "-days", -1 if expired else 30, "-extfile", extensions, "-out", certificate)
        return certificate, key
