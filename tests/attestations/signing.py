"""Keys, and documents that were signed with them."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.attestations.dsse import sign
from app.attestations.keys import SigningKeys, make_signing_key, read_signing_keys
from app.attestations.provenance import (
    BuildDefinition,
    Builder,
    Chain,
    Metadata,
    Predicate,
    ReleaseFacts,
    Resource,
    RunDetails,
    Serving,
    Share,
    Statement,
    files_digest_set,
)
from app.bundles.digest import content_digest

NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
HASH = "a" * 64


def new_keys(folder: Path, name: str = "key.pem") -> SigningKeys:
    make_signing_key(folder / name)
    return read_signing_keys(folder / name)


def a_model(folder: Path) -> Path:
    """Two files: the smallest folder that has a folder in it."""
    (folder / "sub").mkdir(parents=True)
    (folder / "a.pkl").write_text("abcd\n")
    (folder / "sub" / "b.txt").write_text("hello")
    return folder


def a_statement(model: Path) -> Statement:
    return Statement(
        subject=(Resource(name="azureml:churn:3", digest=files_digest_set(content_digest(model))),),
        predicate=Predicate(
            build_definition=BuildDefinition(
                external_parameters={"model": "churn", "job": "job-1"},
                internal_parameters={},
                resolved_dependencies=(Resource(name="training job", uri="azureml:/jobs/job-1"),),
            ),
            run_details=RunDetails(
                builder=Builder(id="https://mlrelease.example.org"),
                metadata=Metadata(invocation_id="churn-1:prod", started_on=NOW, finished_on=NOW),
            ),
            mlrelease_release=ReleaseFacts(
                release="churn-1",
                stage="prod",
                plan="sha256:p",
                requested_by="anna",
                requested_at=NOW,
                approvals=(),
                golden=None,
                metrics={},
                evidence=(),
                chain=Chain(seq=7, hash=HASH),
                serving=Serving(
                    subscription="s",
                    resource_group="g",
                    workspace="ws-prod",
                    endpoint="churn-prod",
                    deployment="r1-abcd",
                    model=None,
                    traffic=(Share(deployment="r1-abcd", release="churn-1", weight=100, mirror=0),),
                ),
            ),
        ),
    )


def signed(document: dict[str, Any], keys: SigningKeys) -> dict[str, Any]:
    """As the service hands it out."""
    return sign(document, keys).as_json()


def as_bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def payload_of(envelope: dict[str, Any]) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(base64.b64decode(envelope["payload"]))
    return payload


def with_payload(envelope: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """What somebody makes of it who has no key."""
    return {**envelope, "payload": base64.b64encode(as_bytes(payload)).decode()}
