"""Copy the environment into the registry that other workspaces read from."""

from app.azureml.environments import get_environment, list_environment_versions
from app.azureml.facade import AzureML
from app.azureml.names import parse_asset, registry_uri
from app.azureml.types import RegistryRef
from app.azureml.versions import newest_first
from app.planning.kinds import ShareEnvironment
from app.steps.contract import Context, Done, Refused
from app.steps.digests import require_digest
from app.steps.registry_copy import copy_to_registry


def share_environment(azure: AzureML, context: Context, wanted: ShareEnvironment) -> Done:
    """Reuse the registry's copy of this environment, else share it, under its own version if that is free there."""
    asset = parse_asset(wanted.id or "")
    if asset is not None and isinstance(asset.where, RegistryRef):
        _require_there(azure, wanted, asset.where, wanted.version)
        return _done(wanted, asset.where, wanted.version, reused=True)
    registry = RegistryRef(wanted.registry)
    version, reused = copy_to_registry(
        azure,
        context,
        "environment",
        wanted.name,
        wanted.version,
        source=wanted.workspace,
        registry=registry,
        find=lambda: _find(azure, wanted, registry),
        taken=lambda: list_environment_versions(azure, registry, wanted.name),
    )
    _require_there(azure, wanted, registry, version)
    return _done(wanted, registry, version, reused=reused)


def _require_there(azure: AzureML, wanted: ShareEnvironment, registry: RegistryRef, version: str) -> None:
    copy = get_environment(azure, registry, wanted.name, version)
    if copy is None:
        raise Refused(
            f"Environment {wanted.name}:{version} in {registry} no longer exists.", code="environment_not_found"
        )
    require_digest(copy.digest, wanted.digest, where=f"environment {wanted.name}:{version} in {registry}")


def _find(azure: AzureML, wanted: ShareEnvironment, registry: RegistryRef) -> str | None:
    """A version in the registry with this image and these packages; the one of the same number first.

    It is asked for by its number, as lists leave out environments that were written inside a job.
    """
    listed = newest_first(list_environment_versions(azure, registry, wanted.name))
    for version in dict.fromkeys([wanted.version, *listed]):
        found = get_environment(azure, registry, wanted.name, version)
        if found is None or found.digest != wanted.digest or not found.is_comparable:
            continue
        if found.image is not None or version == wanted.version:
            return version
    return None


def _done(wanted: ShareEnvironment, registry: RegistryRef, version: str, *, reused: bool) -> Done:
    return Done(
        f"Environment {wanted.name}:{version} {'is in' if reused else 'was shared to'} {registry}.",
        output={
            "registry": registry.name,
            "name": wanted.name,
            "version": version,
            "uri": registry_uri(registry, "environments", wanted.name, version),
            "digest": wanted.digest,
            "reused": reused,
        },
        changed=not reused,
    )
