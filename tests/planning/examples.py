"""Plans that are as good as any, for tests that are about something else."""

from app.planning.kinds import CreateDeployment, CreateEndpoint, RegisterModel
from app.planning.places import Place
from app.planning.plan import PlannedStep

PLACE = Place(subscription="sub", resource_group="rg", workspace="ws")
DIGEST = "sha256:m"
URI = "azureml://jobs/job-1/outputs/model/paths/"


def three_steps(endpoint: str, *, place: Place = PLACE, deployment: str = "r1-abcd") -> tuple[PlannedStep, ...]:
    """Two side by side, and a third that needs both."""
    register = RegisterModel(workspace=place, name="churn", type="custom_model", uri=URI, digest=DIGEST, tags={})
    create = CreateDeployment(
        workspace=place,
        endpoint=endpoint,
        deployment=deployment,
        file="deployment.yml",
        model_from=RegisterModel.kind,
        environment_id="azureml:env:3",
        digest=DIGEST,
        tags={},
    )
    return (
        PlannedStep.of(register, timeout_seconds=60.0),
        PlannedStep.of(
            CreateEndpoint(workspace=place, endpoint=endpoint, file="endpoint.yml", tags={}), timeout_seconds=60.0
        ),
        PlannedStep.of(create, needs=(RegisterModel.kind, CreateEndpoint.kind), timeout_seconds=60.0),
    )
