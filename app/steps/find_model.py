"""Find a model version that is registered already, and prove that it is what was planned."""

from app.azureml.facade import AzureML
from app.azureml.models import download_model, get_model
from app.azureml.names import registry_uri
from app.azureml.types import RegistryRef
from app.planning.kinds import FindModel
from app.steps.contract import Context, Done, Refused
from app.steps.digests import require_digest
from app.steps.missing import require_there
from app.steps.scratch import new_folder


def find_model(azure: AzureML, context: Context, wanted: FindModel) -> Done:
    """Change nothing. Raises Refused when the version is gone, or its files were overwritten since the release was planned."""
    where = wanted.workspace if wanted.registry is None else RegistryRef(wanted.registry)
    found = get_model(azure, where, wanted.name, wanted.version)
    if found is None:
        missing = Refused(
            f"There is no model {wanted.name}:{wanted.version} in {where} any more.",
            code="model_not_found",
            hint="Somebody deleted it after the release was planned. Request a release of another version.",
        )
        require_there(azure, wanted.workspace, wanted.registry, missing=missing)
        raise missing
    content = download_model(azure, where, wanted.name, wanted.version, into=new_folder(context))
    require_digest(content.digest, wanted.digest, where=f"model {wanted.name}:{wanted.version} in {where}")
    output = {"name": wanted.name, "version": wanted.version, "id": found.id, "digest": content.digest}
    if wanted.registry is not None:
        uri = registry_uri(RegistryRef(wanted.registry), "models", wanted.name, wanted.version)
        output |= {"registry": wanted.registry, "uri": uri}
    return Done(f"{wanted.name}:{wanted.version} in {where} has this content.", output=output, changed=False)
