"""Write addresses and keys for callers to the stage's Key Vault. The values are stored nowhere else."""

from app.azureml.endpoints import get_endpoint, read_keys
from app.azureml.facade import AzureML
from app.azureml.secrets import put_secrets
from app.azureml.types import Endpoint
from app.planning.kinds import PublishSecrets
from app.planning.places import Place
from app.steps.contract import Context, Done, Refused


def publish_secrets(azure: AzureML, context: Context, wanted: PublishSecrets) -> Done:
    """Write the endpoint's URIs, and its keys if it has any; a secret that has its value already is left alone.

    An endpoint that takes tokens has no keys, and a token is not published: it expires within hours.
    """
    endpoint = get_endpoint(azure, wanted.workspace, wanted.endpoint)
    if endpoint is None or not endpoint.scoring_uri:
        raise Refused(f"There is no endpoint {wanted.endpoint}.", code="endpoint_not_found")
    values = values_to_publish(azure, wanted.workspace, endpoint)
    context.checkpoint()
    written = put_secrets(azure, wanted.key_vault, values)
    no_keys = (
        ""
        if endpoint.has_keys
        else f" The endpoint uses tokens ({endpoint.auth_mode}), so there are no keys to publish."
    )
    return Done(
        f"{len(written)} of {len(values)} secrets were written to {wanted.key_vault}.{no_keys}"
        if written
        else f"{wanted.key_vault} already has all {len(values)} secrets.{no_keys}",
        output={"key_vault": wanted.key_vault, "secrets": list(values)},
        changed=bool(written),
    )


def values_to_publish(azure: AzureML, workspace: Place, endpoint: Endpoint) -> dict[str, str]:
    """Secret names and values for this endpoint. Never log or store them."""
    addresses = {"scoring-uri": endpoint.scoring_uri, "swagger-uri": endpoint.openapi_uri}
    keys = read_keys(azure, workspace, endpoint.name) if endpoint.has_keys else None
    secrets = {} if keys is None else {"primary-key": keys.primary, "secondary-key": keys.secondary}
    return {f"{endpoint.name}-{name}": value for name, value in {**addresses, **secrets}.items() if value}
