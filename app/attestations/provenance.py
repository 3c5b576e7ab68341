"""The provenance of one serving deployment: an in-toto Statement v1 with SLSA provenance v1 as its predicate.

Sources: in-toto/attestation, spec/v1 (statement, resource_descriptor, digest_set); slsa.dev/spec/v1.0/provenance. What SLSA has no
place for is in the predicate's extension field ``mlrelease_release``. Keys that a reader does not know are to be ignored.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

STATEMENT_TYPE: Literal["https://in-toto.io/Statement/v1"] = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Literal["https://slsa.dev/provenance/v1"] = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Literal["urn:mlrelease:rollout:1"] = "urn:mlrelease:rollout:1"

# No standard name of an algorithm fits: these are SHA-256 over a listing, as ``bundles.digest`` and the environment's facts have it.
FILES = "mlrelease_files_sha256"
ENVIRONMENT = "mlrelease_environment_sha256"


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class Resource(_Document):
    """One thing that went into the deployment, or the model itself; in-toto's resource descriptor."""

    name: str
    uri: str | None = None
    digest: Mapping[str, str] | None = None
    annotations: Mapping[str, Any] | None = None


class BuildDefinition(_Document):
    """What was asked for, and what it was made of."""

    build_type: Literal["urn:mlrelease:rollout:1"] = BUILD_TYPE
    external_parameters: Mapping[str, Any]  # the request, as it was sent
    internal_parameters: Mapping[str, Any]  # what this service planned for it
    resolved_dependencies: tuple[Resource, ...]


class Builder(_Document):
    id: str


class Metadata(_Document):
    invocation_id: str  # the rollout's id
    started_on: datetime
    finished_on: datetime


class RunDetails(_Document):
    builder: Builder
    metadata: Metadata


class Approval(_Document):
    """One decision that counted; ``digest`` is over its row, and in the event chain."""

    person: str
    approve: bool
    emergency: bool
    at: datetime
    via: str
    reason: str
    plan: str
    digest: str


class Chain(_Document):
    """The event with which the rollout ended. Its hash is over all events before it."""

    seq: int
    hash: str


class Share(_Document):
    """A deployment's part of the endpoint's traffic, in percent."""

    deployment: str
    release: str | None = None  # None: made by somebody else
    weight: int
    mirror: int


class Serving(_Document):
    """Where the deployment serves, and the endpoint's traffic as it was read back last before the rollout ended.

    ``since``: when it first had live traffic of this release's rollout; ``event``: of the last change. None: nothing had to change.
    """

    subscription: str
    resource_group: str
    workspace: str
    endpoint: str
    deployment: str
    model: str | None = None
    traffic: tuple[Share, ...] = ()
    since: datetime | None = None
    event: int | None = None


class ReleaseFacts(_Document):
    """What SLSA has no place for."""

    release: str
    stage: str
    plan: str  # the digest of what was approved and carried out
    requested_by: str
    requested_at: datetime
    approvals: tuple[Approval, ...]
    golden: Mapping[str, Any] | None = None  # the answers to golden requests
    metrics: Mapping[str, Any]  # that the training logged
    evidence: tuple[Mapping[str, Any], ...]  # logs of steps that failed before they succeeded: ids and digests
    chain: Chain
    serving: Serving


class Predicate(_Document):
    build_definition: BuildDefinition
    run_details: RunDetails
    mlrelease_release: ReleaseFacts = Field(alias="mlrelease_release")


class Statement(_Document):
    """The whole document. ``subject``: the model under every name that it has, each with its digest."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(default=STATEMENT_TYPE, alias="_type")
    subject: tuple[Resource, ...] = Field(min_length=1)
    predicate_type: Literal["https://slsa.dev/provenance/v1"] = PREDICATE_TYPE
    predicate: Predicate

    @property
    def facts(self) -> ReleaseFacts:
        return self.predicate.mlrelease_release

    def as_json(self) -> dict[str, Any]:
        """Without what is not known."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


def files_digest_set(digest: str) -> dict[str, str]:
    """A digest of ``bundles.digest`` as in-toto writes it."""
    return {FILES: digest.removeprefix("sha256:")}
