"""Why a command ends without having done what it was asked. Apart from the client, so that to list commands takes none."""

from typing import Any

from app.errors import MlreleaseError


class Unreachable(MlreleaseError):
    """The service does not answer."""

    default_code = "service_unreachable"


class Refused(MlreleaseError):
    """The service refused a request. ``problem`` is its problem document."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(problem["detail"], code=problem.get("code"), hint=problem.get("hint"))
        self.problem = problem


class UsageMistake(MlreleaseError):
    """An option cannot be used as it is written, or is missing and cannot be asked for."""

    default_code = "usage"
