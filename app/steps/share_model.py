"""Copy the registered model into the registry that other workspaces read from."""

from collections.abc import Mapping
from typing import Any

from app.azureml.facade import AzureML
from app.azureml.models import download_model, list_models
from app.azureml.names import registry_uri
from app.azureml.types import RegistryRef
from app.planning.kinds import ShareModel
from app.steps.contract import Context, Done
from app.steps.digests import newest_with_digest, require_digest
from app.steps.registry_copy import copy_to_registry
from app.steps.scratch import new_folder


def share_model(azure: AzureML, context: Context, wanted: ShareModel) -> Done:
    """Reuse the registry's copy of this content, else share it, under its own version if that is free there."""
    registry = RegistryRef(wanted.registry)
    registered: Mapping[str, Any] = context.outputs[wanted.model_from]
    source = str(registered["version"])
    version, reused = copy_to_registry(
        azure,
        context,
        "model",
        wanted.name,
        source,
        source=wanted.workspace,
        registry=registry,
        find=lambda: _find(azure, context, wanted, registry, source),
        taken=lambda: [model.version for model in list_models(azure, registry, wanted.name)],
    )
    copy = download_model(azure, registry, wanted.name, version, into=new_folder(context))
    require_digest(copy.digest, wanted.digest, where=f"model {wanted.name}:{version} in {registry}")
    return Done(
        f"{wanted.name}:{version} {'is in' if reused else 'was shared to'} {registry}.",
        output={
            "registry": wanted.registry,
            "name": wanted.name,
            "version": version,
            "uri": registry_uri(registry, "models", wanted.name, version),
            "digest": copy.digest,
            "reused": reused,
        },
        changed=not reused,
    )


def _find(azure: AzureML, context: Context, wanted: ShareModel, registry: RegistryRef, source: str) -> str | None:
    """A version in the registry with this content: by its tag, else the one of the same number, by its files."""
    there = list_models(azure, registry, wanted.name)
    tagged = newest_with_digest(there, wanted.digest)
    if tagged is not None:
        return tagged.version
    if source not in {model.version for model in there}:
        return None
    twin = download_model(azure, registry, wanted.name, source, into=new_folder(context))
    return source if twin.digest == wanted.digest else None
