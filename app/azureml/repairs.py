"""What is broken in the SDK and cannot be gone round: mended in place, only while it is broken.

azure-ai-ml 1.35 cannot download a job's output of type custom_model, mlflow_model or triton_model: it makes the request to the
model service, and reads its answer, with the names of fields that its generated client had before.
"""

from types import SimpleNamespace
from typing import Any

from azure.ai.ml._restclient.model_dataplane.models import BatchGetResolvedUrisDto
from azure.ai.ml.operations._model_dataplane_operations import ModelDataplaneOperations


def repair_download_of_models() -> None:
    """Let ``jobs.download`` fetch outputs that are models."""
    try:
        BatchGetResolvedUrisDto(values=["a"])  # type: ignore[call-overload] # as the SDK itself does
    except TypeError:
        ModelDataplaneOperations.get_batch_model_uris = _get_batch_model_uris  # type: ignore[method-assign] # that is the repair


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
