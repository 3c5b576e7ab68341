"""Plans that are as good as any, for tests that are about something else."""

from typing import Any

from app.planning.content import Content, EnvironmentVersion
from app.planning.kinds import CreateDeployment, CreateEndpoint, RegisterModel
from app.planning.places import Place
from app.planning.plan import Plan
from app.planning.sources import JobSource
from app.planning.steps import PlannedStep

PLACE = Place(subscription="sub", resource_group="rg", workspace="ws")
CONTENT = Content(
    source=JobSource(job="job-1"),
    model_uri="azureml://jobs/job-1/outputs/model/paths/",
    model_digest="sha256:m",
    model_files=1,
    model_bytes=10,
    environment=EnvironmentVersion(name="env", version="3", digest="sha256:e", id="azureml:env:3"),
)


def three_steps(endpoint: str, *, place: Place = PLACE, deployment: str = "r1-abcd") -> tuple[PlannedStep, ...]:
    """Two side by side, and a third that needs both."""
    register = RegisterModel(
        workspace=place,
        name="churn",
        type="custom_model",
        uri=CONTENT.model_uri,
        digest=CONTENT.model_digest,
        tags={},
    )
    create = CreateDeployment(
        workspace=place,
        endpoint=endpoint,
        deployment=deployment,
        file="deployment.yml",
        model_from=RegisterModel.kind,
        environment_id=CONTENT.environment.id,
        digest=CONTENT.model_digest,
        tags={},
    )
    return (
        PlannedStep.of(register, timeout_seconds=60.0),
        PlannedStep.of(
            CreateEndpoint(workspace=place, endpoint=endpoint, file="endpoint.yml", tags={}), timeout_seconds=60.0
        ),
        PlannedStep.of(create, needs=(RegisterModel.kind, CreateEndpoint.kind), timeout_seconds=60.0),
    )


def a_plan(stage: str, *, endpoint: str = "", definition: str = "sha256:b", **more: Any) -> Plan:
    """``more`` replaces fields, and adds to those that are mappings."""
    endpoint = endpoint or f"churn-{stage}"
    fields: dict[str, Any] = {
        "release": "churn-1",
        "stage": stage,
        "model": {
            "name": "churn",
            "digest": CONTENT.model_digest,
            "files": CONTENT.model_files,
            "bytes": CONTENT.model_bytes,
            "source": CONTENT.source.model_dump(),
            "git_commit": None,
        },
        "metrics": {},
        "environment": CONTENT.environment.model_dump(),
        "code": {"digest": None},
        "definition": {"version": 1, "digest": definition},
        "target": {**PLACE.model_dump(), "endpoint": endpoint, "registry": None, "key_vault": None},
        "deployment": {"name": "r1-abcd", "instance_type": None, "instance_count": 1},
        "traffic": [{"deployment": "r1-abcd", "percent": 100, "after": "create_deployment"}],
        "checks": {"golden": "golden.json", "golden_requests": None},
        "approval": None,
        "steps": three_steps(endpoint),
    }
    for name, value in more.items():
        merges = isinstance(value, dict) and isinstance(fields.get(name), dict)
        fields[name] = {**fields[name], **value} if merges else value
    return Plan.model_validate(fields)
