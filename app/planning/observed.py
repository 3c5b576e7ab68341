"""What a step has read back from Azure and is sure of: it becomes the serving record, in the transaction that records the step's end."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from app.documents.json_object import Json
from app.planning.frozen import Frozen


class DeploymentFacts(Frozen):
    """A deployment as it was found. ``release`` and ``digest`` are its tags; without ``release`` somebody else made it."""

    name: str  # in lower case
    release: str | None = None
    model: str | None = None  # Azure's id of the model version
    digest: str | None = None  # over the model's files
    environment: str | None = None  # Azure's id
    code: str | None = None  # Azure's id
    scoring_script: str | None = None
    instance_type: str | None = None
    instance_count: int | None = None
    environment_variables: Mapping[str, str] | None = None  # a digest of each value: it may be a secret
    settings: Mapping[str, str] = {}  # by what the YAML calls them: ``request_settings.request_timeout_ms``
    state: str | None = None  # Azure's provisioning state
    tags: Mapping[str, str] = {}

    @property
    def as_output(self) -> Json:
        """What the step that made or found it hands on: all by which it can be recognized later."""
        said = self.model_dump(mode="json", exclude={"name", "state", "tags"})
        return {"deployment": self.name, **said}

    @classmethod
    def of_output(cls, output: Mapping[str, Any]) -> "DeploymentFacts":
        """As ``as_output`` said it."""
        return cls(name=output["deployment"], **{each: output[each] for each in cls.model_fields if each in output})


class EndpointFacts(Frozen):
    """An endpoint as it was found, without its traffic."""

    name: str
    location: str
    auth_mode: str
    public_network_access: str | None = None
    scoring_uri: str | None = None
    identity: str | None = None  # what it acts as in Azure
    state: str | None = None  # Azure's provisioning state
    tags: Mapping[str, str] = {}


class Observed(Frozen):
    """Percentages by deployment, in lower case. What is None or empty, the step says nothing about.

    ``traffic`` and ``mirror`` are of the whole endpoint. ``deployments`` are those that the step made, or found to be another's:
    never what it did not look at. ``gone``: the names of those that it made sure are no more. ``there``: the names of all that are
    there, so what releases made beside them is no more: an attempt that was killed may have deleted it. ``is_empty``: there is no
    deployment at all, whatever is on record.
    """

    traffic: Mapping[str, int] | None = None
    mirror: Mapping[str, int] | None = None
    deployments: tuple[DeploymentFacts, ...] = ()
    gone: tuple[str, ...] = ()
    there: tuple[str, ...] | None = None
    is_empty: bool = False
    endpoint: EndpointFacts | None = None

    @property
    def digest(self) -> str:
        """Over everything in it: whether somebody has seen the same."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()
