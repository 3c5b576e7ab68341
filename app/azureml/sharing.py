"""Copying an asset from a workspace into a registry."""

import logging
import threading
from typing import Literal

from app.azureml.errors import AzureMLError
from app.azureml.facade import AzureML
from app.azureml.types import RegistryRef
from app.errors import StepError
from app.planning.places import Place

log = logging.getLogger(__name__)

Kind = Literal["model", "environment"]


class Sharing:
    """A share that is under way in a thread: the SDK waits for its end, and cannot be interrupted."""

    def __init__(
        self,
        azure: AzureML,
        workspace: Place,
        registry: RegistryRef,
        kind: Kind,
        name: str,
        version: str,
        *,
        as_version: str,
    ) -> None:
        self._doing = f"share {kind} {name}:{version} from {workspace} to {registry}"
        self._failure: StepError | None = None
        self._ended = threading.Event()
        arguments = (azure, workspace, registry, kind, name, version, as_version)
        threading.Thread(target=self._run, args=arguments, daemon=True, name=self._doing).start()

    @property
    def has_ended(self) -> bool:
        """Raises what it failed with."""
        if self._ended.is_set() and self._failure is not None:
            raise self._failure
        return self._ended.is_set()

    def _run(
        self,
        azure: AzureML,
        workspace: Place,
        registry: RegistryRef,
        kind: Kind,
        name: str,
        version: str,
        as_version: str,
    ) -> None:
        try:
            with azure.connect(workspace, doing=self._doing) as client:
                assets = client.models if kind == "model" else client.environments
                assets.share(
                    name, version, share_with_name=name, share_with_version=as_version, registry_name=registry.name
                )
        except StepError as failure:  # Azure's no, or our own: this worker may not act any more
            self._failure = failure
        except Exception as broken:  # the thread has no other way to tell
            log.exception("could not %s", self._doing)
            self._failure = AzureMLError(f"Could not {self._doing}: {broken!r}")
        finally:
            self._ended.set()
