"""A service that believes nobody without a token, and those who come to its door."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.api.first_token import first_token
from app.settings import Settings
from tests.api.conftest import SUBSCRIPTION, plain_logs, worker
from tests.api.playing import apply, ask, definition
from tests.api.serving import Served, serving
from tests.identity.issuer import TestIssuer
from tests.instant import InstantWorker

__all__ = ["plain_logs", "worker"]

ACCESS = """
issuers:
  - name: company
    issuer: {issuer}
    audience: mlrelease
    rules:
      - match: {{repository: team/churn, ref: [refs/heads/main, refs/heads/stable]}}
        grants: [{{role: requester, models: [churn]}}]
      - match: {{groups: ml-approvers}}
        groups: [ml-approvers]
        grants: [{{role: approver}}]
login: {{issuer: company, client_id: portal}}
people:
  - name: anna
    also: [anna@team.example]
    slack: U1
    groups: [data-science]
    grants: [{{role: viewer}}]
  - name: boris
    slack: U2
    teams: 29:abc
    grants: [{{role: operator, models: [churn]}}]
"""

As = Callable[..., httpx.Client]


@pytest.fixture
def issuer() -> Iterator[TestIssuer]:
    with TestIssuer() as issuer:
        yield issuer


@pytest.fixture
def settings(database_url: str, tmp_path: Path, issuer: TestIssuer) -> Settings:
    access = tmp_path / "access.yml"
    access.write_text(ACCESS.format(issuer=issuer.url))
    return Settings(
        data=tmp_path / "data",
        database_url=database_url,
        MLRELEASE_SUBSCRIPTION=SUBSCRIPTION,
        access=access,
        signing_keys=SecretStr("k" * 40),
    )


@pytest.fixture
def service(settings: Settings) -> Iterator[Served]:
    with serving(settings) as served:
        yield served


@pytest.fixture
def bearer(service: Served) -> As:
    """A client that sends this token, or nothing."""

    def client(token: str | None = None) -> httpx.Client:
        made = service.client(None)
        if token is not None:
            made.headers["Authorization"] = f"Bearer {token}"
        return made

    return client


@pytest.fixture
def root(service: Served, bearer: As) -> httpx.Client:
    """Who has the first token."""
    return bearer(first_token(service.service.database, "root", now=datetime.now(UTC)))


@pytest.fixture
def holder(root: httpx.Client, bearer: As) -> As:
    """``holder("requester:churn", name="ci")``: the holder of a new token with these grants."""

    def holder(*grants: str, name: str = "somebody") -> httpx.Client:
        listed = [dict(zip(("role", "model"), grant.split(":"), strict=False)) for grant in grants]
        made = root.post("/v1/tokens", json={"name": name, "grants": listed})
        assert made.status_code == 201, made.text
        return bearer(made.json()["secret"])

    return holder


@pytest.fixture
def churn(root: httpx.Client) -> str:
    assert apply(root, definition()).status_code == 201
    return "churn"


@pytest.fixture
def planned(root: httpx.Client, churn: str, worker: InstantWorker) -> str:
    """The id of a release of churn that is queued for dev."""
    release: str = ask(root, model=churn)["id"]
    worker.prepare(release)
    return release
