"""What a call raises: a class for each status of gRPC, with the daemon's own text."""
import grpc

__all__ = ["Error", "Cancelled", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
           "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss",
           "Unauthenticated"]


class Error(Exception):
    """A call that failed. `code` is the name of its status, "NOT_FOUND"; the text is the daemon's."""

    code = "UNKNOWN"


class Cancelled(Error):
    code = "CANCELLED"


class InvalidArgument(Error):
    code = "INVALID_ARGUMENT"


class DeadlineExceeded(Error):
    code = "DEADLINE_EXCEEDED"


class NotFound(Error):
    code = "NOT_FOUND"


class AlreadyExists(Error):
    code = "ALREADY_EXISTS"


class PermissionDenied(Error):
    code = "PERMISSION_DENIED"


class ResourceExhausted(Error):
    code = "RESOURCE_EXHAUSTED"


class FailedPrecondition(Error):
    code = "FAILED_PRECONDITION"


class Aborted(Error):
    code = "ABORTED"


class OutOfRange(Error):
    code = "OUT_OF_RANGE"


class Unimplemented(Error):
    code = "UNIMPLEMENTED"


class Internal(Error):
    code = "INTERNAL"


class Unavailable(Error):
    code = "UNAVAILABLE"


class DataLoss(Error):
    code = "DATA_LOSS"


class Unauthenticated(Error):
    code = "UNAUTHENTICATED"


_BY_CODE = {cls.code: cls for cls in Error.__subclasses__()}


def from_grpc(error, method):
    """The exception of a grpc.RpcError, raised by the RPC `method`."""
    code, text = error.code() or grpc.StatusCode.UNKNOWN, error.details() or ""
    if code == grpc.StatusCode.UNAUTHENTICATED:
        text += ": give token_file or token, or set METRONOME_TOKEN"
    if code == grpc.StatusCode.UNIMPLEMENTED and not text:
        text = f"this daemon has no {method}: it is older than this package"
    return _BY_CODE.get(code.name, Error)(text)
