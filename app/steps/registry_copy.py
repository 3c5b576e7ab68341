"""Copying an asset to a registry: started, awaited, and started again when somebody else was faster."""

from collections.abc import Callable

from app.azureml.errors import AlreadyExists, Busy
from app.azureml.facade import AzureML
from app.azureml.sharing import Kind, Sharing
from app.azureml.types import RegistryRef
from app.azureml.versions import next_version
from app.planning.places import Place
from app.steps.contract import Context
from app.steps.waiting import wait_until

_TURNS = 20


def copy_to_registry(
    azure: AzureML,
    context: Context,
    kind: Kind,
    name: str,
    version: str,
    *,
    source: Place,
    registry: RegistryRef,
    find: Callable[[], str | None],
    taken: Callable[[], list[str]],
) -> tuple[str, bool]:
    """The version in the registry, and whether it was there before.

    ``find`` gives a version there with the same content, ``taken`` every version there. The copy keeps its number where that
    is free. Raises Busy when the registry keeps saying that there is one, and never shows it.
    """
    for _ in range(_TURNS):
        known = find()
        if known is not None:
            return known, True
        there = taken()
        number = next_version([*there, version]) if version in there else version
        context.checkpoint()
        sharing = Sharing(azure, source, registry, kind, name, version, as_version=number)
        try:
            wait_until(
                bool,
                lambda: sharing.has_ended,  # noqa: B023 - called in this turn only
                azure=azure,
                context=context,
                waiting_for=f"{registry} to copy {kind} {name}:{version}",
            )
        except AlreadyExists:
            # Somebody shared meanwhile, or an attempt of ours that was killed: look again.
            context.wait(azure.settings.poll_seconds)
        else:
            return number, False
    raise Busy(f"{registry} reports that {kind} {name}:{version} exists, but does not list it.")
