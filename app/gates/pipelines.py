"""This service as an *Invoke REST API* check of Azure Pipelines, with *Callback* as its completion event.

learn.microsoft.com/azure/devops/pipelines/process/invoke-checks. The check's request must be answered within three seconds; the
decision is sent later, with the token that came along, which is good for 48 hours.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from sqlmodel import Session

from app.database.clock import database_now
from app.database.connection import Database
from app.definitions.queries import latest
from app.errors import Invalid, Unauthenticated
from app.gates.judging import Judgement, judge
from app.gates.requests import FOR_GOOD, at, object_in, send
from app.gates.service import open_gate
from app.gates.tables import CiSystem, Gate, GateState
from app.gates.tokens import decrypt_token, encrypt_token
from app.notifications.keys import signing_keys
from app.notifications.sending import Delivered, DeliveryAttempt, NotDelivered
from app.settings import Settings

LONGEST_TOKEN = 16 * 1024  # characters

_ID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HUB = re.compile(r"[a-z]{1,40}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def require_check(settings: Settings, authorization: str) -> None:
    """Raises Unauthenticated unless the service connection's password is the one that is set: nothing else proves who asks."""
    kind, _, encoded = authorization.partition(" ")
    try:
        _, _, password = (
            base64.b64decode(encoded, validate=True).partition(b":") if kind.lower() == "basic" else (b"", b"", b"")
        )
    except (binascii.Error, ValueError):
        password = b""
    if not hmac.compare_digest(password, settings.pipelines_secret.get_secret_value().encode()):
        raise Unauthenticated("The service connection's password is wrong.", code="password_wrong")


def answer_check(settings: Settings, database: Database, body: bytes, headers: Mapping[str, str]) -> Judgement:
    """What is so now. Unless the check asks again by itself (``"callback": false``), its end is also sent when it is decided.

    Raises Invalid, and NotFound for a model that is not there.
    """
    document = object_in(body)
    model, stage, commit = (at(document, name) for name in ("model", "stage", "commit"))
    if not (
        isinstance(model, str) and isinstance(stage, str) and isinstance(commit, str) and _COMMIT.fullmatch(commit)
    ):
        raise Invalid(
            "The check's body does not say what it waits for.",
            code="malformed",
            hint='Send {"model": "MODEL", "stage": "STAGE", "commit": "$(Build.SourceVersion)"}.',
        )
    if document.get("callback") is False:
        with database.read() as session:
            _require_stage(session, model, stage)
            return judge(session, model=model, stage=stage, commit=commit)
    callback = _callback(settings, headers)
    token = headers.get("AuthToken", "")
    if not token.isascii() or not 0 < len(token) <= LONGEST_TOKEN:
        raise Invalid("The header AuthToken is missing.", code="malformed")
    encrypted = encrypt_token(signing_keys(settings), token)

    def take(session: Session) -> Judgement:
        _require_stage(session, model, stage)
        gate = open_gate(
            session,
            Gate(
                id=f"azure:{callback['plan']}:{callback['task']}",
                system=CiSystem.AZURE_PIPELINES,
                model=model,
                stage=stage,
                git_commit=commit,
                callback=callback,
                token=encrypted,
                created_at=database_now(session),
            ),
        )
        return Judgement(gate.state, gate.sentence, gate.release_id)

    return database.transact(take)


def _require_stage(session: Session, model: str, stage: str) -> None:
    stages = [each["name"] for each in latest(session, model).content["stages"]]
    if stage not in stages:
        raise Invalid(
            f"The definition of {model} has no stage {stage[:100]!r}: its stages are {', '.join(stages)}.",
            code="stage_unknown",
        )


def _callback(settings: Settings, headers: Mapping[str, str]) -> dict[str, str]:
    """Where the decision goes. Raises Invalid for an organisation that is not set: the run's token would go there."""
    collection = headers.get("PlanUrl", "").rstrip("/") + "/"
    if collection not in {f"{each.rstrip('/')}/" for each in settings.pipelines_urls}:
        raise Invalid(
            f"{urlsplit(collection).hostname or 'This'} is not an organisation that is set.",
            code="callback_refused",
            hint="MLRELEASE_PIPELINES_URLS lists organisations as https://dev.azure.com/ORGANISATION/.",
        )
    ids = {"project": "ProjectId", "plan": "PlanId", "job": "JobId", "task": "TaskInstanceId"}
    found = {name: headers.get(header, "") for name, header in ids.items()}
    hub = headers.get("HubName", "").lower()
    for name, header in ids.items():
        if not _ID.fullmatch(found[name]):
            raise Invalid(f"The header {header} has no id.", code="malformed")
    if not _HUB.fullmatch(hub):
        raise Invalid("The header HubName has no name.", code="malformed")
    return {"collection": collection, "hub": hub, **found}


class PipelinesAnswers:
    """Ends the check's task. After 48 hours Azure DevOps takes the token no more, and the check runs into its own timeout."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, attempt: DeliveryAttempt, *, now: datetime) -> Delivered:  # noqa: ARG002 # the senders' signature
        memory = attempt.memory
        if not memory.get("token"):
            raise NotDelivered("The run's token was forgotten when it had been used.", code="token_used", for_good=True)
        token = decrypt_token(signing_keys(self._settings), memory["token"])
        place = f"{memory['collection']}{memory['project']}/_apis/distributedtask/hubs/{memory['hub']}/plans/{memory['plan']}"
        status, _ = send(
            f"{place}/events?api-version=7.1",
            {
                "name": "TaskCompleted",
                "taskId": memory["task"],
                "jobId": memory["job"],
                "result": "succeeded" if memory["state"] == GateState.APPROVED else "failed",
            },
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            for_good=FOR_GOOD | {401, 403},
        )
        forgotten = {name: value for name, value in memory.items() if name != "token"}
        return Delivered(answer=status, sentence=f"The answer was {status}.", memory=forgotten)
