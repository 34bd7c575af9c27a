"""How a client shows who it is and knows the daemon: as bench-client does, with the same variables of the environment."""
import dataclasses
import ipaddress
import os
import pathlib
import stat
import warnings

import grpc

from metronome import errors


@dataclasses.dataclass(kw_only=True)
class Credentials:
    """Paths of PEM files and of a token. What is None comes from METRONOME_TLS_CA, METRONOME_TLS_CERT, METRONOME_TLS_KEY,
    METRONOME_TOKEN_FILE and METRONOME_TOKEN; what is empty is none."""

    tls_ca: str | None = None      # Who signs the daemon's certificate; empty = no TLS.
    tls_cert: str | None = None    # The client's own, where the daemon wants one.
    tls_key: str | None = None
    token_file: str | None = None  # Holds the token and nothing else.
    token: str | None = None       # The token itself, before any file.
    insecure: bool = False         # Send the token to another machine without TLS.

    def channel(self, target, options):
        """A channel, and the metadata of each call through it. InvalidArgument for what does not fit together, and for a token that would
        go to another machine in the clear."""
        ca, cert, key = (_chosen(getattr(self, name), f"METRONOME_{name.upper()}") for name in ("tls_ca", "tls_cert", "tls_key"))
        if bool(cert) != bool(key):
            raise errors.InvalidArgument("tls_cert and tls_key need each other")
        if cert and not ca:
            raise errors.InvalidArgument("tls_cert needs tls_ca")
        token = self._read_token()
        if token and not ca and not is_local(target) and not self.insecure:
            raise errors.InvalidArgument(f"the token would go to {target} in the clear: give tls_ca, or accept the risk with insecure=True")
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        if not ca:
            return grpc.insecure_channel(target, options), metadata
        own = (_read(key), _read(cert)) if cert else (None, None)
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(_read(ca), *own), options), metadata

    def _read_token(self):
        token, source = self.token, "token"
        if token is None and (path := _chosen(self.token_file, "METRONOME_TOKEN_FILE")):
            token, source = _read(path).decode("ascii", "replace").strip(), path
            if not token:
                raise errors.InvalidArgument(f"{path} has no token")
            if os.stat(path).st_mode & stat.S_IRWXO:
                warnings.warn(f"everybody on this machine may read the token in {path}: chmod 600", stacklevel=4)
        elif token is None:
            token, source = os.environ.get("METRONOME_TOKEN", ""), "METRONOME_TOKEN"
        if not all("!" <= character <= "~" for character in token):
            raise errors.InvalidArgument(f"{source} has more than a token, which is one word of ASCII")
        return token


def _chosen(value, variable):
    return os.environ.get(variable, "") if value is None else os.fspath(value)


def _read(path):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError as error:
        raise errors.InvalidArgument(f"cannot read {path}: {error.strerror}") from None


def is_local(target):
    """Whether a gRPC target is on this machine for certain, without asking the resolver."""
    if target.startswith("unix:"):
        return True
    host = target
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        if rest and not rest.startswith(":"):
            return False
    elif ":" in host:
        host = host.rpartition(":")[0]
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
