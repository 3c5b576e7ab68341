"""Read back what serves before any traffic moves: the new deployment is compared with that, and the traffic goes back to it."""

from app.azureml.deployments import list_deployments
from app.azureml.facade import AzureML
from app.planning.kinds import FindBaseline
from app.steps.contract import Context, Done, Refused
from app.steps.observing import facts_of_deployment, observed_traffic
from app.steps.settled import require_endpoint
from app.steps.shares import has_traffic, shown_shares


def find_baseline(azure: AzureML, context: Context, wanted: FindBaseline) -> Done:
    """Change nothing. Raises Refused where the new deployment has traffic already."""
    endpoint = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    if endpoint.state != "succeeded":
        azure.raise_failure(endpoint.operation_uri, doing=f"change endpoint {wanted.endpoint}")
    if has_traffic(endpoint, wanted.deployment):
        raise Refused(
            f"{wanted.deployment} has traffic of {wanted.endpoint} before this release gave it any: {shown_shares(endpoint)}.",
            code="traffic_changed",
            hint="Somebody moved it. Set the traffic back to what is to serve meanwhile, and retry this release.",
            observed=observed_traffic(endpoint),
        )
    serves = endpoint.live_traffic
    there = list_deployments(azure, wanted.workspace, wanted.endpoint)
    return Done(
        f"{shown_shares(endpoint)} of the traffic of {wanted.endpoint}."
        if serves
        else f"Nothing serves at {wanted.endpoint} yet.",
        output={
            "traffic": serves,
            "mirror": dict(endpoint.mirror_traffic),
            "deployments": [facts_of_deployment(each).as_output for each in there if each.name.lower() in serves],
        },
        changed=False,
        observed=observed_traffic(endpoint, there),
    )
