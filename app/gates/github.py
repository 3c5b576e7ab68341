"""This service as a custom deployment protection rule of GitHub.

docs.github.com/en/actions/how-tos/deploy/configure-and-manage-deployments/create-custom-protection-rules. GitHub waits ten seconds for
the answer to its request and does not repeat it; the decision is sent later, for up to 30 days.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jwt

from app.database.clock import database_now
from app.database.connection import Database
from app.documents.json_object import Json
from app.errors import Invalid, NotFound, Unauthenticated
from app.gates.requests import at, object_in, send
from app.gates.service import open_gate
from app.gates.tables import CiSystem, Gate
from app.notifications.sending import Delivered, DeliveryAttempt, NotDelivered
from app.settings import Settings

EVENT = "deployment_protection_rule"
LONGEST_COMMENT = 1000  # characters; GitHub takes 1,024

_NAME = r"(?!\.{1,2}/)[A-Za-z0-9_.-]{1,100}"
_CALLBACK = re.compile(rf"/repos/({_NAME}/{_NAME}/actions/runs/[0-9]{{1,20}})/deployment_protection_rule")
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def require_github(settings: Settings, body: bytes, signature: str) -> None:
    """Raises Unauthenticated unless GitHub signed this body with the app's secret."""
    secret = settings.github_webhook_secret.get_secret_value().encode()
    expected = f"sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}"
    if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
        raise Unauthenticated("The signature is not GitHub's.", code="signature_invalid")


def take_request(settings: Settings, database: Database, body: bytes) -> Gate | None:
    """The gate of a request for a decision; None for other things that GitHub tells of. Raises Invalid and NotFound."""
    document = object_in(body)
    if at(document, "action") != "requested":
        return None
    asked = _read(settings, document)
    known = settings.github_gates.get(f"{asked.repository}/{asked.environment}")
    if known is None:
        raise NotFound(
            f"Nothing is set for the environment {asked.environment[:100]!r} of repository {asked.repository}.",
            code="gate_not_set_up",
            hint=f'Add it to MLRELEASE_GITHUB_GATES: {{"{asked.repository}/ENVIRONMENT": "MODEL/STAGE"}}.',
        )
    model, _, stage = known.rpartition("/")
    return database.transact(
        lambda session: open_gate(
            session,
            Gate(
                id=f"github:{asked.repository}:{asked.deployment}",
                system=CiSystem.GITHUB,
                model=model,
                stage=stage,
                git_commit=asked.commit,
                callback={
                    "run": asked.run,
                    "environment": asked.environment,
                    "installation": asked.installation,
                    "repository": asked.repository,
                },
                created_at=database_now(session),
            ),
        )
    )


@dataclass(frozen=True)
class _Asked:
    repository: int
    environment: str
    installation: int
    deployment: int
    run: str  # OWNER/REPOSITORY/actions/runs/RUN
    commit: str


def _read(settings: Settings, document: Json) -> _Asked:
    """Raises Invalid. The callback's address is not believed but for what it names: the decision goes to the API that is set."""
    url, api = at(document, "deployment_callback_url"), settings.github_api.rstrip("/")
    run = _CALLBACK.fullmatch(url.removeprefix(api)) if isinstance(url, str) and url.startswith(f"{api}/") else None
    commit, environment = at(document, "deployment", "sha"), at(document, "environment")
    ids = [at(document, *path) for path in (("repository", "id"), ("installation", "id"), ("deployment", "id"))]
    if run is None:
        raise Invalid("The callback is not one of the GitHub API that is set.", code="callback_refused")
    if not (
        isinstance(environment, str)
        and 0 < len(environment) <= 255
        and isinstance(commit, str)
        and _SHA.fullmatch(commit)
        and all(isinstance(each, int) and not isinstance(each, bool) and 0 < each < 2**63 for each in ids)
    ):
        raise Invalid("The request is not a request of GitHub for a decision.", code="malformed")
    repository, installation, deployment = ids
    return _Asked(repository, environment, installation, deployment, run[1], commit)


class GithubAnswers:
    """Sends decisions, and what is waited for, as the app: with a token for the one repository, which lives for an hour."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, attempt: DeliveryAttempt, *, now: datetime) -> Delivered:
        memory, api = attempt.memory, self._settings.github_api.rstrip("/")
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
        _, content = send(
            f"{api}/app/installations/{memory['installation']}/access_tokens",
            {"permissions": {"deployments": "write"}, "repository_ids": [memory["repository"]]},
            headers={**headers, "Authorization": f"Bearer {self._app_token(now)}"},
            for_good=frozenset(),  # an app that is installed again may answer what waits
        )
        token = at(object_in(content), "token")
        if not isinstance(token, str):
            raise NotDelivered("GitHub gave no token.", code="token_missing")
        body: Json = {"environment_name": memory["environment"], "comment": _comment(memory["sentence"])}
        if "state" in memory:
            body["state"] = memory["state"]
        status, _ = send(
            f"{api}/repos/{memory['run']}/deployment_protection_rule",
            body,
            headers={**headers, "Authorization": f"Bearer {token}"},
        )
        return Delivered(answer=status, sentence=f"The answer was {status}.")

    def _app_token(self, now: datetime) -> str:
        """A minute back: GitHub's clock may be behind."""
        issued = int(now.astimezone(UTC).timestamp()) - 60
        claims = {"iat": issued, "exp": issued + 540, "iss": self._settings.github_app}
        try:
            key = Path(self._settings.github_app_key_file or "").read_text(encoding="ascii")
            return jwt.encode(claims, key, algorithm="RS256")
        except (OSError, ValueError, jwt.PyJWTError) as broken:
            raise NotDelivered(
                "MLRELEASE_GITHUB_APP_KEY_FILE has no usable private key.", code="github_key_unusable"
            ) from broken


def _comment(text: str) -> str:
    """As plain text: GitHub draws Markdown, and what others wrote must not become a link."""
    return re.sub(r"([\\`*_\[\]()#|<>!~@])", r"\\\1", text)[:LONGEST_COMMENT]
