"""A definition checked by the Azure SDK when it is applied, by a process that does not import the SDK."""

from importlib.metadata import PackageNotFoundError, distribution

import structlog

from app.definitions.schema import Definition
from app.errors import Unavailable
from app.sandbox.sandbox import Sandbox

log = structlog.get_logger(__name__)

# Its own: whoever reads archives does not wait while the SDK is imported.
_sandbox = Sandbox()
_TASK = "app.steps.definition_files:check_in_child"  # by name: here nothing of Azure is imported


def check_by_sdk(archive: bytes, definition: Definition) -> None:
    """Raises Invalid with every mistake, or TooLarge.

    An early word, no gate: where the SDK is not installed beside the API, or too many check already, nothing is said here. A worker
    checks the same before a release touches Azure.
    """
    if not _is_installed("azure-ai-ml"):
        return
    files = {"endpoint": definition.endpoint, "deployment": definition.deployment}
    try:
        _sandbox.run(_TASK, {"archive": archive, **files}, doing="check the definition by the Azure SDK")
    except Unavailable as busy:
        log.warning("sdk_check_skipped", model=definition.model.name, reason=busy.sentence)


def _is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
