"""In what a target differs from what is on record of it."""

from collections.abc import Mapping
from enum import StrEnum

from app.planning.frozen import Frozen


class DriftKind(StrEnum):
    """What differs."""

    TRAFFIC = "traffic"
    MIRROR_TRAFFIC = "mirror_traffic"
    MODEL = "model"
    ENVIRONMENT = "environment"
    CODE = "code"
    ENVIRONMENT_VARIABLES = "environment_variables"
    SETTINGS = "settings"
    INSTANCE_TYPE = "instance_type"
    INSTANCE_COUNT = "instance_count"
    TAGS = "tags"
    STATE = "state"
    AUTH_MODE = "auth_mode"
    NETWORK_ACCESS = "network_access"
    IDENTITY = "identity"
    SECRETS = "secrets"
    UNKNOWN_DEPLOYMENT = "unknown_deployment"
    MISSING_DEPLOYMENT = "missing_deployment"
    MISSING_ENDPOINT = "missing_endpoint"


Value = str | int | tuple[str, ...] | Mapping[str, str | int | None]


class Difference(Frozen):
    """One thing that differs. ``subject``: the deployment or endpoint; ``recorded`` and ``seen``: None where there is nothing."""

    kind: DriftKind
    subject: str
    recorded: Value | None = None
    seen: Value | None = None
    sentence: str
