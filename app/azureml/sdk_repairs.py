"""What is broken in the SDK and cannot be gone round: mended in place, only while it is broken.

azure-ai-ml 1.35 cannot download a job's output of type custom_model, mlflow_model or triton_model: it makes the request to the
model service, and reads its answer, with the names of fields that its generated client had before.

Its models work out their fields when the first of a kind is made, without a lock. A second thread that comes in the middle of that
reads a plain mapping where a model should be ("'dict' object has no attribute 'workspace_id'"), as workers did whose rollouts all
went on at once after a restart.

Before it creates a deployment of a registry's model, it looks in the registry for a template, to log that there is one, and for
nothing else: with a client that knows of no cloud but the public one, no transport of ours, and seconds of retries.
"""

import functools
import sys
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from azure.ai.ml._restclient.model_dataplane.models import BatchGetResolvedUrisDto
from azure.ai.ml._utils import _endpoint_utils
from azure.ai.ml.operations._model_dataplane_operations import ModelDataplaneOperations


def repair_download_of_models() -> None:
    """Let ``jobs.download`` fetch outputs that are models."""
    try:
        BatchGetResolvedUrisDto(values=["a"])  # type: ignore[call-overload] # as the SDK itself does
    except TypeError:
        ModelDataplaneOperations.get_batch_model_uris = _get_batch_model_uris  # type: ignore[method-assign] # that is the repair


def repair_first_use_by_several_threads() -> None:
    """Let one thread at a time work out the fields of the SDK's models."""
    for name, module in tuple(sys.modules.items()):
        if name.startswith("azure.ai.ml._restclient.") and name.endswith("._utils.model_base"):
            model: Any = module.Model
            if hasattr(model, "_calculated") and not hasattr(model.__new__, "__wrapped__"):
                model.__new__ = _one_at_a_time(model.__new__)


def repair_look_for_templates() -> None:
    """Let nothing be asked for a line in a log."""
    _endpoint_utils.check_default_deployment_template = lambda *_: None


_WORKING_OUT = threading.RLock()  # a model's fields are models


def _one_at_a_time(new: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(new)
    def make(cls: Any, *arguments: Any, **named: Any) -> Any:
        if f"{cls.__module__}.{cls.__qualname__}" in cls._calculated:
            return new(cls, *arguments, **named)
        with _WORKING_OUT:
            return new(cls, *arguments, **named)

    return make


def _get_batch_model_uris(self: Any, model_ids: list[str]) -> Any:
    scope = self._operation_scope
    answer = self._operation.batch_get_resolved_uris(
        scope.subscription_id,
        scope.resource_group_name,
        self._workspace_name,
        body=BatchGetResolvedUrisDto(values_property=model_ids),
    )
    # Whoever asked takes the addresses from ``values``, which is a method of what the client gives now.
    return SimpleNamespace(values=answer.values_property)
