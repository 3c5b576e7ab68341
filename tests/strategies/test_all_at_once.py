"""What a release will do, made from a definition and its resolved content."""

from typing import Any

import pytest

from app.planning.kinds import CreateDeployment, CreateEndpoint
from app.planning.policy import ANYBODY
from app.releases.plans import digest_of, document_of
from tests.planning.examples import CONTENT
from tests.strategies.content import ORIGIN, SUB, definition, needs, plan


def test_the_first_stage_registers_and_serves() -> None:
    (dev,) = plan("dev", definition=definition())

    assert needs(dev) == {
        "register_model": (),
        "create_endpoint": (),
        "create_deployment": ("register_model", "create_endpoint"),
        "verify_deployment": ("create_deployment",),
        "shift_traffic": ("verify_deployment", "create_deployment"),
        "publish_secrets": ("shift_traffic",),
        "retire_deployments": ("publish_secrets",),
        "confirm_serving": ("retire_deployments", "create_deployment"),
    }
    assert str(dev.target.target) == f"{SUB}/rg-ml/ws-dev/churn-dev"
    assert dev.deployment is not None
    assert dev.deployment.name == "r7-abcd"
    assert dev.approval is None


def test_a_later_stage_shares_side_by_side_what_an_earlier_one_registered() -> None:
    _, prod = plan("dev", "prod", definition=definition())

    assert needs(prod) == {
        "share_model": ("dev/register_model",),
        "share_environment": (),
        "create_endpoint": (),
        "create_deployment": ("share_model", "share_environment", "create_endpoint"),
        "verify_deployment": ("create_deployment",),
        "shift_traffic": ("verify_deployment", "create_deployment"),
        "retire_deployments": ("shift_traffic",),
        "confirm_serving": ("retire_deployments", "create_deployment"),
    }
    assert prod.approval == ANYBODY


def test_a_later_stage_alone_registers_at_the_source_itself() -> None:
    (prod,) = plan("prod", definition=definition())

    steps = {step.key: step for step in prod.steps}
    assert steps["register_model"].config.model_dump()["workspace"] == ORIGIN.model_dump()
    assert steps["share_model"].needs == ("register_model",)


def test_without_a_key_vault_nothing_is_published() -> None:
    _, prod = plan("dev", "prod", definition=definition())

    assert "publish_secrets" not in needs(prod)


def test_a_stages_own_size_is_planned() -> None:
    _, prod = plan("dev", "prod", definition=definition())

    config = next(step.config for step in prod.steps if step.kind == "create_deployment")
    assert isinstance(config, CreateDeployment)
    assert (config.instance_count, config.instance_type) == (2, None)


def test_a_definition_says_how_long_a_step_may_take() -> None:
    (dev,) = plan("dev", definition=definition(timeouts={"create_deployment": 5}))

    seconds = {step.kind: step.timeout_seconds for step in dev.steps}
    assert seconds["create_deployment"] == 300
    assert seconds["create_endpoint"] == CreateEndpoint.minutes * 60


def test_the_same_facts_give_the_same_digest() -> None:
    before, after = (document_of(*plan("prod", definition=definition())) for _ in range(2))
    turned = dict(reversed(after.items()))  # as a database may give it back

    assert digest_of(turned) == digest_of(after) == digest_of(before)


@pytest.mark.parametrize(
    "change",
    [
        {"content": CONTENT.model_copy(update={"model_digest": "sha256:other"})},
        {
            "content": CONTENT.model_copy(
                update={"environment": CONTENT.environment.model_copy(update={"version": "4"})}
            )
        },
        {"content": CONTENT.model_copy(update={"code_digest": "sha256:other"})},
        {"definition_digest": "sha256:other"},
        {"subscription": "00000000-0000-0000-0000-000000000002"},
    ],
    ids=["model", "environment", "code", "definition", "target"],
)
def test_anything_else_that_would_be_released_gives_another_digest(change: dict[str, Any]) -> None:
    (before,) = plan("prod", definition=definition())

    (after,) = plan("prod", definition=definition(), **change)

    assert digest_of(document_of(after)) != digest_of(document_of(before))


def test_a_plan_shows_its_stage_s_settings_as_they_will_be_and_no_variable_s_value() -> None:
    base = definition()
    dev, prod = base.stages
    settings = {
        "request_settings": {"max_queue_wait_ms": None, "request_timeout_ms": 9000},
        "environment_variables": {"LEVEL": "high-and-dry", "GONE": None},
        "liveness_probe": None,
    }
    prod = prod.model_copy(
        update={"deployment": settings, "endpoint_settings": {"public_network_access": "disabled", "tags": {"a": "b"}}}
    )
    content = CONTENT.model_copy(
        update={
            "deployment": {
                "request_settings": {"max_queue_wait_ms": 5, "max_concurrent_requests_per_instance": 2},
                "environment_variables": {"LEVEL": "0123", "GONE": "4567", "KEPT": "89ab"},
                "liveness_probe": {"period": 3},
            },
            "endpoint": {"auth_mode": "key"},
        }
    )
    first, second = plan("dev", "prod", definition=base.model_copy(update={"stages": (dev, prod)}), content=content)

    shown = document_of(second)
    assert first.deployment is not None
    assert first.deployment.model_extra == content.deployment
    assert first.endpoint == {"auth_mode": "key"}
    assert second.endpoint == {"auth_mode": "key", "public_network_access": "disabled"}
    assert shown["deployment"]["request_settings"] == {
        "max_concurrent_requests_per_instance": 2,
        "request_timeout_ms": 9000,
    }
    assert set(shown["deployment"]["environment_variables"]) == {"LEVEL", "KEPT"}
    assert shown["deployment"]["environment_variables"]["LEVEL"] != "0123"
    assert "liveness_probe" not in shown["deployment"]
    assert "high-and-dry" not in str(shown)
    steps = {step.kind: step.config for rollout in (first, second) for step in rollout.steps}
    assert isinstance(steps["create_deployment"], CreateDeployment)
    assert isinstance(steps["create_endpoint"], CreateEndpoint)
    assert (steps["create_deployment"].settings_of, steps["create_endpoint"].settings_of) == ("prod", "prod")


def test_another_value_of_a_stage_s_variable_is_another_plan() -> None:
    def planned(value: str) -> str:
        base = definition()
        stage = base.stages[0].model_copy(update={"deployment": {"environment_variables": {"LEVEL": value}}})
        (dev,) = plan("dev", definition=base.model_copy(update={"stages": (stage, base.stages[1])}))
        return digest_of(document_of(dev))

    assert planned("high") != planned("low")
    assert planned("high") == planned("high")
