"""GitHub's and Azure DevOps' side of gates, as far as they document it: what they send, and what they take as an answer."""

import hashlib
import hmac
import json
from base64 import b64encode
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.notifications.receiving import Receiver, respond

Json = dict[str, Any]

SECRET = "It's a Secret to Everybody"  # noqa: S105 # of GitHub's documentation
PASSWORD = "of the service connection"  # noqa: S105 # the tests'
JOB_TOKEN = "eyJ.job.token"  # noqa: S105 # the tests'
APP = "Iv23liAbCd"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PLAN, JOB, TASK, PROJECT = (f"{digit * 8}-0000-0000-0000-000000000000" for digit in "1234")


@dataclass
class Github:
    """The API: gives tokens to its app, and takes decisions from holders of them."""

    receiver: Receiver
    key: RSAPrivateKey = field(default_factory=lambda: generate_private_key(65537, 2048))
    decisions: list[Json] = field(default_factory=list)
    refuses: list[int] = field(default_factory=list)  # statuses of the next answers

    def __post_init__(self) -> None:
        self.receiver.answer = self._answer

    @property
    def api(self) -> str:
        return self.receiver.url(path="")

    def private_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        received = self.receiver.received[-1]
        bearer, body = received.headers["authorization"].removeprefix("Bearer "), json.loads(received.body)
        if self.refuses:
            respond(self.refuses.pop(0))(handler)
        elif received.path == "/app/installations/55/access_tokens":
            claims = jwt.decode(bearer, self.key.public_key(), algorithms=["RS256"], issuer=APP)
            assert claims["exp"] - claims["iat"] <= 600
            assert body == {"permissions": {"deployments": "write"}, "repository_ids": [4711]}
            respond(201, body=b'{"token": "ghs_installation"}')(handler)
        else:
            assert received.path == "/repos/team/churn/actions/runs/99/deployment_protection_rule"
            assert bearer == "ghs_installation"
            assert len(body["comment"]) <= 1024
            self.decisions.append(body)
            respond(204)(handler)


def protection_rule(api: str, **more: Any) -> Json:
    """The body of ``deployment_protection_rule.requested``, as the schema in octokit/webhooks has it, with what we read of it."""
    return {
        "action": "requested",
        "environment": "production",
        "event": "workflow_dispatch",
        "deployment_callback_url": f"{api}/repos/team/churn/actions/runs/99/deployment_protection_rule",
        "deployment": {
            "id": 7,
            "sha": COMMIT,
            "ref": "main",
            "task": "deploy",
            "payload": {},
            "environment": "production",
        },
        "pull_requests": [],
        "repository": {"id": 4711, "full_name": "team/churn"},
        "installation": {"id": 55},
        "sender": {"login": "anna"},
        **more,
    }


def signature_of(body: bytes) -> str:
    return f"sha256={hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()}"


def send_rule(
    caller: httpx.Client, document: Any, *, event: str = "deployment_protection_rule", **headers: str
) -> httpx.Response:
    body = json.dumps(document).encode()
    sent = {"X-GitHub-Event": event, "X-GitHub-Delivery": "d-1", "X-Hub-Signature-256": signature_of(body), **headers}
    return caller.post("/gates/github", content=body, headers=sent)


def send_check(
    caller: httpx.Client, collection: str, *, body: Any = None, password: str = PASSWORD, **headers: str
) -> httpx.Response:
    """As ``InvokeRestApiV1`` sends it, with the default headers and a *Generic* service connection."""
    sent = {
        "Authorization": f"Basic {b64encode(f'any:{password}'.encode()).decode()}",
        "PlanUrl": collection,
        "ProjectId": PROJECT,
        "HubName": "checks",
        "PlanId": PLAN,
        "JobId": JOB,
        "TimelineId": PLAN,
        "TaskInstanceId": TASK,
        "AuthToken": JOB_TOKEN,
        **headers,
    }
    document = {"model": "churn", "stage": "dev", "commit": COMMIT} if body is None else body
    return caller.post("/gates/azure-pipelines", json=document, headers=sent)
