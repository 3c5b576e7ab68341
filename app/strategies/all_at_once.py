"""What a release will do: pure functions from a definition and its resolved content to plans."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.definitions.schema import Definition, StageDefinition
from app.planning.timeouts import DEFAULT_SECONDS
from app.releases.planning import PlannedRollout, PlannedStep

Json = dict[str, Any]


@dataclass(frozen=True)
class ReleaseFacts:
    """What a plan is made for, beside the definition."""

    release: str
    number: int
    mark: str
    job: str
    definition_version: int
    definition_digest: str
    source: Json  # the workspace of the training job: subscription, resource_group, workspace
    subscription: str  # of stages that name none
    content: Json  # see steps.resolve_content
    golden_requests: int | None = None  # that prove something; None: not counted


def plan_rollouts(definition: Definition, stages: Sequence[str], facts: ReleaseFacts) -> list[PlannedRollout]:
    """One plan a stage, in the definition's order."""
    rollouts: list[PlannedRollout] = []
    registered_by: str | None = None
    for stage in definition.stages:
        if stage.name not in stages:
            continue
        steps = [
            replace(step, timeout_seconds=definition.timeouts.seconds(step.kind) or step.timeout_seconds)
            for step in _steps(definition, stage, facts, registered_by=registered_by)
        ]
        if any(step.kind == "register_model" for step in steps):
            registered_by = stage.name
        workspace = workspace_of(stage, facts.subscription)
        rollouts.append(
            PlannedRollout(
                stage=stage.name,
                target="/".join((*workspace.values(), stage.endpoint)).lower(),  # Azure takes its names in either case
                endpoint=stage.endpoint,
                workspace=stage.workspace,
                deployment=deployment_name(facts),
                plan=_document(definition, stage, steps, facts),
                steps=tuple(steps),
            )
        )
    return rollouts


def workspace_of(stage: StageDefinition, subscription: str) -> Json:
    """Where a stage is, as steps take it."""
    return {
        "subscription": stage.subscription or subscription,
        "resource_group": stage.resource_group,
        "workspace": stage.workspace,
    }


def deployment_name(facts: ReleaseFacts) -> str:
    """A release's deployment, the same in every stage: lower case, at most 32 characters, new with each release."""
    return f"r{facts.number}-{facts.mark}"


def _steps(
    definition: Definition, stage: StageDefinition, facts: ReleaseFacts, *, registered_by: str | None
) -> list[PlannedStep]:
    workspace = workspace_of(stage, facts.subscription)
    tags = {
        "mlrelease.release": facts.release,
        "mlrelease.model": definition.model.name,
        "mlrelease.digest": facts.content["model_digest"],
    }
    if workspace == facts.source:
        bring = [_register(definition, facts, tags)]
        model_from, environment_from = "register_model", None
    else:
        bring = [] if registered_by else [_register(definition, facts, tags)]
        registered = f"{registered_by}/register_model" if registered_by else "register_model"
        bring += _share(definition, stage, facts, registered=registered)
        model_from, environment_from = "share_model", "share_environment"
    brought = [step.key for step in bring if step.key != "register_model" or model_from == "register_model"]
    at = {"workspace": workspace, "endpoint": stage.endpoint}
    deployed = {**at, "deployment": deployment_name(facts)}
    steps = [
        *bring,
        _step("create_endpoint", (), {**at, "file": definition.endpoint, "tags": tags}),
        _step(
            "create_deployment",
            (*brought, "create_endpoint"),
            {
                **deployed,
                "file": definition.deployment,
                "instance_type": stage.instance_type,
                "instance_count": stage.instance_count,
                "model_from": model_from,
                "environment_from": environment_from,
                "environment_id": facts.content["environment"]["id"] if environment_from is None else None,
                "digest": facts.content["model_digest"],
                "tags": tags,
            },
        ),
        _step(
            "verify_deployment",
            ("create_deployment",),
            {**deployed, "golden": definition.checks.golden, "digest": facts.content["model_digest"]},
        ),
        _step("shift_traffic", ("verify_deployment",), deployed),
    ]
    before_retiring = "shift_traffic"
    if stage.key_vault:
        steps.append(_step("publish_secrets", ("shift_traffic",), {**at, "key_vault": stage.key_vault}))
        before_retiring = "publish_secrets"
    steps.append(
        _step("retire_deployments", (before_retiring,), {**deployed, "keep": 1, "model": definition.model.name})
    )
    confirmed = {**deployed, "digest": facts.content["model_digest"], "key_vault": stage.key_vault}
    steps.append(_step("confirm_serving", ("retire_deployments", "create_deployment"), confirmed))
    return steps


def _register(definition: Definition, facts: ReleaseFacts, tags: Json) -> PlannedStep:
    return _step(
        "register_model",
        (),
        {
            "workspace": facts.source,
            "name": definition.model.name,
            "type": definition.model.type,
            "description": definition.model.description,
            "uri": facts.content["model_uri"],
            "digest": facts.content["model_digest"],
            "tags": {**tags, "mlrelease.job": facts.job},
            "properties": {},
        },
    )


def _share(
    definition: Definition, stage: StageDefinition, facts: ReleaseFacts, *, registered: str
) -> list[PlannedStep]:
    environment = facts.content["environment"]
    shared = {"workspace": facts.source, "registry": stage.registry}
    return [
        _step(
            "share_model",
            (registered,),
            {**shared, "name": definition.model.name, "digest": facts.content["model_digest"]},
        ),
        _step(
            "share_environment",
            (),
            {
                **shared,
                "name": environment["name"],
                "version": environment["version"],
                "digest": environment["digest"],
                "id": environment["id"],
            },
        ),
    ]


def _step(kind: str, needs: tuple[str, ...], config: Json) -> PlannedStep:
    return PlannedStep(key=kind, kind=kind, needs=needs, config=config, timeout_seconds=DEFAULT_SECONDS[kind])


def _document(
    definition: Definition, stage: StageDefinition, steps: Sequence[PlannedStep], facts: ReleaseFacts
) -> Json:
    """What people approve: exactly what comes where, how it is proven and how it gets its traffic. Plain JSON."""
    content = facts.content
    written: Json = content.get("deployment") or {}
    name = deployment_name(facts)
    return {
        "release": facts.release,
        "stage": stage.name,
        "model": {
            "name": definition.model.name,
            "digest": content["model_digest"],
            "files": content.get("model_files"),
            "bytes": content.get("model_bytes"),
            "job": facts.job,
            "git_commit": content.get("git_commit"),
        },
        "metrics": content.get("metrics") or {},
        "environment": content["environment"],
        "code": {"digest": content.get("code_digest")},
        "definition": {"version": facts.definition_version, "digest": facts.definition_digest},
        "target": {
            **workspace_of(stage, facts.subscription),
            "endpoint": stage.endpoint,
            "registry": stage.registry,
            "key_vault": stage.key_vault,
        },
        "deployment": {
            **written,
            "name": name,
            "instance_type": stage.instance_type or written.get("instance_type"),
            "instance_count": stage.instance_count or written.get("instance_count") or 1,
        },
        "traffic": [{"deployment": name, "percent": 100, "after": "verify_deployment"}],
        "checks": {**definition.checks.model_dump(mode="json"), "golden_requests": facts.golden_requests},
        "approval": None if stage.policy is None else stage.policy.model_dump(mode="json"),
        "steps": [
            {"key": step.key, "kind": step.kind, "needs": list(step.needs), "config": step.config} for step in steps
        ],
    }
