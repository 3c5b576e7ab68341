"""Register a training job's model in the workspace, once for each content."""

from collections.abc import Iterable

from app.azureml.errors import AlreadyExists
from app.azureml.facade import AzureML
from app.azureml.models import download_model, list_models
from app.azureml.models import register_model as register
from app.azureml.types import Model
from app.azureml.versions import newest_first, next_version
from app.planning.kinds import RegisterModel
from app.planning.tags import DIGEST_TAG, JOB_TAG
from app.steps.contract import Context, Done
from app.steps.digests import newest_with_digest, require_digest
from app.steps.scratch import new_folder
from app.steps.waiting import wait_until

_MOST_COMPARED = 3  # versions that are downloaded to see whether they are the same


def register_model(azure: AzureML, context: Context, wanted: RegisterModel) -> Done:
    """Reuse the version that has this content, a release's or the training job's own, else register the next free one; then check what is there."""
    workspace = wanted.workspace
    there = list_models(azure, workspace, wanted.name)
    known = newest_with_digest(there, wanted.digest) or _registered_by_job(azure, context, wanted, there)
    model = known or _register(azure, context, wanted)
    content = download_model(azure, workspace, model.name, model.version, into=new_folder(context))
    require_digest(content.digest, wanted.digest, where=f"model {model.name}:{model.version} in {workspace}")
    reused = known is not None
    return Done(
        f"{model.name}:{model.version} in {workspace} {'already has this content' if reused else 'was registered'}.",
        output={
            "name": model.name,
            "version": model.version,
            "id": model.id,
            "digest": content.digest,
            "reused": reused,
        },
        changed=not reused,
    )


def _registered_by_job(azure: AzureML, context: Context, wanted: RegisterModel, there: Iterable[Model]) -> Model | None:
    """What a training job registered by itself, an output with a name, where it has this content: only its files tell."""
    candidates = {
        model.version: model
        for model in there
        if model.job is not None and DIGEST_TAG not in model.tags and model.type == wanted.type
    }
    versions = sorted(newest_first(candidates), key=lambda version: candidates[version].job != wanted.tags.get(JOB_TAG))
    for version in versions[:_MOST_COMPARED]:
        context.checkpoint()
        content = download_model(azure, wanted.workspace, wanted.name, version, into=new_folder(context))
        if content.digest == wanted.digest:
            return candidates[version]
    return None


def _register(azure: AzureML, context: Context, wanted: RegisterModel) -> Model:
    def registered() -> Model | None:
        context.checkpoint()
        taken = [model.version for model in list_models(azure, wanted.workspace, wanted.name)]
        try:
            return register(
                azure,
                wanted.workspace,
                wanted.name,
                version=next_version(taken),
                type=wanted.type,
                description=wanted.description,
                uri=wanted.uri,
                tags={**wanted.tags, DIGEST_TAG: wanted.digest},
                properties=wanted.properties,
            )
        except AlreadyExists:
            return None  # somebody was faster: the next number

    model = wait_until(
        lambda made: made is not None,
        registered,
        azure=azure,
        context=context,
        waiting_for=f"a free version of model {wanted.name}",
    )
    assert model is not None, "waited until it was"
    return model
