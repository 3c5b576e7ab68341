"""The content that a deployment serves: the files of the model version that it refers to."""

from app.azureml.facade import AzureML
from app.azureml.models import download_model
from app.azureml.names import parse_asset
from app.azureml.types import Deployment
from app.planning.kinds import SignatureCheck
from app.planning.places import Place
from app.steps.contract import Context, Refused
from app.steps.digests import require_digest
from app.steps.scratch import new_folder
from app.steps.signatures import require_signed


def deployed_digest(
    azure: AzureML,
    context: Context,
    workspace: Place,
    deployment: Deployment,
    *,
    wanted: str,
    signature: SignatureCheck | None = None,
) -> str:
    """Over the files of the asset that the deployment refers to. Raises Refused when they are not the wanted ones, or not signed."""
    asset = parse_asset(deployment.model or "")
    if asset is None or asset.version is None:
        raise Refused(
            f"Deployment {deployment.name} refers to a model that was not found: {deployment.model}.",
            code="model_unknown",
        )
    content = download_model(azure, asset.where or workspace, asset.name, asset.version, into=new_folder(context))
    require_digest(content.digest, wanted, where=f"the model of deployment {deployment.name}")
    require_signed(context, content.root, signature)
    return content.digest
