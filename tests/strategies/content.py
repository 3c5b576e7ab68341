"""A definition, and the content that a training job gave."""

from typing import Any

from app.definitions.schema import Definition
from app.planning.places import Place

SUB = "00000000-0000-0000-0000-000000000001"
ORIGIN = Place(subscription=SUB, resource_group="rg-ml", workspace="ws-dev")


def definition(**more: Any) -> Definition:
    content = {
        "model": {"name": "churn"},
        "checks": {"golden": "golden.json"},
        "stages": [
            {
                "name": "dev",
                "workspace": "ws-dev",
                "resource_group": "rg-ml",
                "endpoint": "churn-dev",
                "key_vault": "kv-dev",
            },
            {
                "name": "prod",
                "workspace": "ws-prod",
                "resource_group": "rg-ml",
                "registry": "reg-shared",
                "endpoint": "churn-prod",
                "approval": "required",
                "instance_count": 2,
            },
        ],
        **more,
    }
    return Definition.model_validate(content)
