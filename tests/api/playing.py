"""What a team uploads, asks and decides."""

import json
from typing import Any

import httpx

from tests.bundles.tars import tar_of
from tests.definitions.conftest import DEPLOYMENT, ENDPOINT, GOLDEN, RELEASE, SCORE

Json = dict[str, Any]


def definition(model: str = "churn", *, approval: Json | str = "required", **files: str) -> bytes:
    """A definition's folder, packed. ``approval``: before prod; ``files`` replace or add (``release_yml=…``)."""
    release = RELEASE.replace("name: churn\n", f"name: {model}\n")
    content = {
        "release.yml": release.replace("approval: required", f"approval: {json.dumps(approval)}"),
        "endpoint.yml": ENDPOINT,
        "deployment.yml": DEPLOYMENT,
        "src/score.py": SCORE,
        "golden.json": GOLDEN,
    }
    content |= {name.replace("_", "."): text for name, text in files.items()}
    return tar_of(*((name, text.encode()) for name, text in content.items()))


def upload(client: httpx.Client, archive: bytes) -> str:
    answer = client.post("/v1/bundles", content=archive, headers={"Content-Type": "application/gzip"})
    assert answer.status_code == 201, answer.text
    digest: str = answer.json()["digest"]
    return digest


def apply(client: httpx.Client, archive: bytes) -> httpx.Response:
    return client.post("/v1/models", json={"bundle": upload(client, archive)})


def ask(client: httpx.Client, *, model: str = "churn", job: str = "job-1", **more: Any) -> dict[str, Any]:
    """A new release."""
    answer = client.post("/v1/releases", json={"model": model, "job": job, **more})
    assert answer.status_code == 201, answer.text
    release: dict[str, Any] = answer.json()
    return release


def as_json(answer: httpx.Response) -> dict[str, Any]:
    """The document of an answer that went well."""
    assert answer.is_success, answer.text
    document: dict[str, Any] = json.loads(answer.text)
    return document


def digest_of(client: httpx.Client, release: str, stage: str = "prod") -> str:
    """Of the plan that whoever looks now sees."""
    digest: str = as_json(client.get(f"/v1/releases/{release}/rollouts/{stage}/plan"))["digest"]
    return digest


def approve(client: httpx.Client, release: str, stage: str = "prod", **more: Any) -> httpx.Response:
    """One person's word for the plan as it is now."""
    body = {"plan_digest": digest_of(client, release, stage), **more}
    return client.post(f"/v1/releases/{release}/rollouts/{stage}/approve", json=body)
