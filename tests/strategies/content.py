"""A definition, the content that a training job gave, and the plans that are made of both."""

from typing import Any

from app.definitions.schema import Definition
from app.planning.places import Place
from app.planning.plan import Plan
from app.strategies.rollouts import ReleaseFacts, plan_rollouts
from tests.planning.examples import CONTENT

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


def plan(*stages: str, definition: Definition, **facts: Any) -> list[Plan]:
    given = {
        "release": "churn-7",
        "number": 7,
        "mark": "abcd",
        "definition_version": 3,
        "definition_digest": "sha256:d",
        "origin": ORIGIN,
        "subscription": SUB,
        "content": CONTENT,
        **facts,
    }
    return plan_rollouts(definition, stages, ReleaseFacts(**given))


def needs(rollout: Plan) -> dict[str, tuple[str, ...]]:
    return {step.key: step.needs for step in rollout.steps}
