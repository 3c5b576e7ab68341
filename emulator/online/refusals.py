"""How the managed inferencing service refuses: ARM's "The request is invalid.", the real sentence one level down.

Azure answers 400 ``BadRequest`` with a detail whose message is itself a JSON text: ``{"errors": {field: [sentence]}, …}``.
Clients that show the details show it as it is; those that look only at the outer message say nothing useful.
"""

import json
import uuid
from typing import Any

from emulator.errors import BadRequest, Conflict

TROUBLESHOOTING = "Please see troubleshooting guide, available here: https://aka.ms/oe-tsg"


class Invalid(BadRequest):
    """A request that the inferencing service does not accept; ``message`` is the sentence inside."""

    detail_code = "InferencingClientCallFailed"

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field

    def envelope(self) -> dict[str, Any]:
        inside = {
            "errors": {self.field: [self.message]},
            "type": "https://tools.ietf.org/html/rfc7231#section-6.5.1",
            "title": "One or more validation errors occurred.",
            "status": self.status,
            "traceId": f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01",
        }
        detail = {"code": self.detail_code, "message": json.dumps(inside), "details": [], "additionalInfo": []}
        return {
            "error": {
                "code": self.code,
                "message": "The request is invalid.",
                "target": self.target,
                "details": [detail],
                "additionalInfo": [{"type": "ComponentName", "info": {"value": "managementfrontend"}}],
            }
        }


class NoQuota(Invalid):
    """Not enough cores left in the region for what a deployment asks for."""

    detail_code = "InferencingClientCreateDeploymentFailed"

    def __init__(self, message: str) -> None:
        super().__init__(f"{message} {TROUBLESHOOTING}#error-outofquota", field="VmSize")


class NameTaken(Conflict):
    """Another endpoint in the region has the name, in whatever workspace."""

    default_code = "EndpointNameNotAvailable"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is already an endpoint with this name ({name}), Endpoint name needs to be unique within a region. "
            "Try some other name.",
            target="name",
        )
