"""What the client raises.

ClientError
 ├── Misused              the client was made, or called, with something that cannot work
 ├── Unreachable          no answer came, however often it was tried
 ├── NotMlrelease         an answer came that is none of mlrelease's
 ├── WaitedTooLong        the release did not end in the time that was given
 └── ProblemError         the service refused: a problem document (RFC 9457)
      ├── Unauthenticated 401
      ├── Forbidden       403
      ├── NotFound        404
      ├── Conflict        409, 412
      ├── TooLarge        413
      ├── Invalid         422
      └── Unavailable     429, 503, after all tries
"""

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Everything that the client raises."""


class Misused(ClientError):
    """The client was made, or called, with something that cannot work."""


class Unreachable(ClientError):
    """No answer came, however often it was tried."""


class NotMlrelease(ClientError):
    """An answer came that is none of mlrelease's: a proxy's, another program's, or that of a much newer version."""


class WaitedTooLong(ClientError):
    """The release did not end in the time that was given."""


class ProblemError(ClientError):
    """The service refused. ``code`` is stable, for programs; ``detail`` and ``hint`` are sentences for people.

    ``mistakes``: what is wrong in the request, each with ``field`` and ``message`` (of definitions: ``file`` and ``line``).
    ``document``: the whole problem document.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = dict(document)
        self.status = int(document["status"])
        self.code = str(document.get("code", ""))
        self.detail = str(document["detail"])
        self.hint: str | None = document.get("hint")
        self.mistakes: list[dict[str, Any]] = list(document.get("mistakes") or ())
        super().__init__(" ".join(part for part in (self.detail, self.hint) if part))


class Unauthenticated(ProblemError):
    """The credentials are missing, expired or wrong."""


class Forbidden(ProblemError):
    """The caller may not do this."""


class NotFound(ProblemError):
    """It does not exist, or the caller may not see it."""


class Conflict(ProblemError):
    """The current state does not allow this."""


class TooLarge(ProblemError):
    """The request has too many bytes or files."""


class Invalid(ProblemError):
    """The request is malformed."""


class Unavailable(ProblemError):
    """The service cannot answer now, or was asked too often. It was tried again before this was raised."""


_BY_STATUS: Mapping[int, type[ProblemError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    413: TooLarge,
    422: Invalid,
    429: Unavailable,
    503: Unavailable,
}


def problem_error(document: Mapping[str, Any]) -> ProblemError:
    """The error of this problem document."""
    return _BY_STATUS.get(int(document["status"]), ProblemError)(document)
