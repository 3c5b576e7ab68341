"""Put what callers need into the stage's Key Vault: addresses and keys. Their values are seen nowhere else."""

from app.azureml.endpoints import get_endpoint, read_keys
from app.azureml.facade import AzureML
from app.azureml.secrets import put_secrets
from app.steps.config import StepConfig, WorkspaceConfig, read_config
from app.steps.contract import Context, Done, Json, Refused


class PublishSecrets(StepConfig):
    """``key_vault`` is the vault's name."""

    workspace: WorkspaceConfig
    endpoint: str
    key_vault: str


def publish_secrets(azure: AzureML, context: Context, config: Json) -> Done:
    """Write the endpoint's URIs and keys as secrets; one that has its value already is left alone."""
    wanted = read_config(PublishSecrets, config)
    endpoint = get_endpoint(azure, wanted.workspace.ref, wanted.endpoint)
    if endpoint is None or not endpoint.scoring_uri:
        raise Refused(f"There is no endpoint {wanted.endpoint} to publish.", code="endpoint_not_found")
    values = {
        f"{wanted.endpoint}-scoring-uri": endpoint.scoring_uri,
        f"{wanted.endpoint}-swagger-uri": endpoint.openapi_uri or "",
    }
    keys = read_keys(azure, wanted.workspace.ref, wanted.endpoint)
    if keys is not None:
        values[f"{wanted.endpoint}-primary-key"] = keys.primary
        values[f"{wanted.endpoint}-secondary-key"] = keys.secondary
    context.checkpoint()
    written = put_secrets(azure, wanted.key_vault, values)
    return Done(
        f"{len(written)} of {len(values)} secrets were written to {wanted.key_vault}."
        if written
        else f"{wanted.key_vault} has all {len(values)} secrets already.",
        output={"key_vault": wanted.key_vault, "secrets": list(values)},
        changed=bool(written),
    )
