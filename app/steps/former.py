"""What served before, newest first: kept as a tag of the endpoint, written together with the traffic that it is about."""

from app.azureml.types import Endpoint

FORMER_TAG = "mlrelease.former"

_KEPT = 6  # names; a tag's value ends at 256 characters


def former_after(endpoint: Endpoint, deployment: str) -> str:
    """The tag's value once this deployment has the traffic."""
    serving = sorted(
        (name for name, share in endpoint.traffic.items() if share), key=lambda name: -endpoint.traffic[name]
    )
    names = [name for name in dict.fromkeys([*serving, *former_of(endpoint)]) if name != deployment]
    return " ".join(names[:_KEPT])


def former_of(endpoint: Endpoint) -> list[str]:
    """Deployments that served before, the last first. They need not be there any more."""
    return endpoint.tags.get(FORMER_TAG, "").split()
