"""What the API server may answer instead of doing as asked."""

from typing import Any


class ClusterError(Exception):
    """A request that did not succeed; the message is fit for people.

    Attributes:
        status: the HTTP status, 0 where there was no answer.
        reason: the API server's one word, for example AlreadyExists.
        causes: its details, as they came.
        retry_after: seconds that it asked to wait, if it did.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        causes: tuple[dict[str, Any], ...] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.causes = causes
        self.retry_after = retry_after


class NotFoundError(ClusterError):
    """The object, its namespace or its kind is not there."""


class ConflictError(ClusterError):
    """The object is not as it was observed: observe again, decide again."""


class AlreadyExistsError(ClusterError):
    """An object of that name is there already."""


class ForbiddenError(ClusterError):
    """The operator may not do this, or admission or a quota refused it."""


class InvalidError(ClusterError):
    """The API server refuses the content (400, 422)."""


class UnavailableError(ClusterError):
    """No answer, or one that says: later (time-out, 429, 5xx)."""


class UnreachableError(UnavailableError):
    """Nobody listens at the API server's address: whoever asks next will not be answered either."""


class NotLeadingError(ClusterError):
    """We do not write: it is not certain that no other operator does."""


class RefusedError(ClusterError):
    """We refuse ourselves: what is there belongs to somebody else."""


_BY_STATUS: dict[int, type[ClusterError]] = {
    400: InvalidError,
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: ConflictError,
    422: InvalidError,
    429: UnavailableError,
}


def error_type(status: int, reason: str) -> type[ClusterError]:
    """Give the error that an answer means."""
    if reason == "AlreadyExists":
        return AlreadyExistsError
    return UnavailableError if status >= 500 else _BY_STATUS.get(status, ClusterError)
