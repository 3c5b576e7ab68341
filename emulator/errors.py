"""Azure's refusals, as Azure words them.

    AzureError
    ├── BadRequest            400
    ├── Unauthorized          401
    ├── Forbidden             403
    ├── NotFound              404
    ├── Conflict              409
    ├── TooManyRequests       429
    └── InsufficientStorage   507

Every handler raises one of these; ``server`` turns it into ARM's error envelope
``{"error": {"code", "message", "target", "details"}}``.

``OperationFailed`` stands apart: a long-running operation that was accepted and then ended Failed.
"""

from typing import Any, ClassVar


class AzureError(Exception):
    """A refusal with Azure's status, code and message."""

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "InternalServerError"

    def __init__(self, message: str, *, code: str | None = None, target: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.target = target

    def envelope(self) -> dict[str, Any]:
        """The body that ARM sends."""
        return {"error": {"code": self.code, "message": self.message, "target": self.target, "details": []}}


class BadRequest(AzureError):
    status = 400
    default_code = "BadRequest"


class Unauthorized(AzureError):
    status = 401
    default_code = "InvalidAuthenticationToken"


class Forbidden(AzureError):
    status = 403
    default_code = "AuthorizationFailed"


class NotFound(AzureError):
    status = 404
    default_code = "ResourceNotFound"


class Conflict(AzureError):
    status = 409
    default_code = "Conflict"


class TooLarge(AzureError):
    status = 413
    default_code = "RequestEntityTooLarge"


class TooManyRequests(AzureError):
    status = 429
    default_code = "TooManyRequests"


class InsufficientStorage(AzureError):
    """The emulator's own disk is full; Azure's never is."""

    status = 507
    default_code = "InsufficientStorage"


class OperationFailed(Exception):
    """An operation's way to end as Azure's do when they fail: with a code and a message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
