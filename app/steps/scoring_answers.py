"""What a response other than 200 means: whether a retry can help, and what to change if not."""

from dataclasses import dataclass

from app.azureml.types import Answer, Deployment, Endpoint

FEW = 3  # tries of one request, where a second one rarely helps
_REASON = "ms-azureml-model-error-reason"
_MODEL_STATUS = "ms-azureml-model-error-statuscode"
_OVERLOADED = frozenset({"429", "502", "503", "504"})  # of the container behind a 424

_AUTHENTICATION = {
    "key": "The endpoint uses keys (auth_mode: key). If they were just regenerated, retry.",
    "aml_token": "The endpoint uses its own tokens (auth_mode: aml_token). If it was just created again, retry.",
    "aad_token": "The endpoint uses Entra tokens (auth_mode: aad_token). Give the worker's identity the action "
    "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/score/action there, e.g. by the role AzureML Data Scientist.",
}
_LOG = "See the container's log: mlrelease release logs, or `az ml online-deployment get-logs`."


@dataclass(frozen=True)
class Meaning:
    """``says`` completes "Deployment X answered golden request 1 of 12 with 408: …".

    ``tries``: how often one request is sent before that is final; None: as often as the step is tried.
    """

    code: str
    says: str
    hint: str
    tries: int | None = 1
    is_of_model: bool = False  # the log of the container tells more


def meaning_of(answer: Answer, *, endpoint: Endpoint, deployment: Deployment) -> Meaning:
    """For a status that is not 200. Source: Microsoft's "HTTP status codes for online endpoints"."""
    match answer.status:
        case 401:
            hint = _AUTHENTICATION.get(endpoint.auth_mode.lower(), f"The endpoint's auth_mode is {endpoint.auth_mode}.")
            return Meaning(
                "scoring_unauthenticated", "the endpoint does not accept the service's credentials", hint, tries=FEW
            )
        case 403:
            return Meaning(
                "scoring_forbidden",
                "the endpoint denies access",
                f"{_AUTHENTICATION['aad_token'] if endpoint.auth_mode.lower() == 'aad_token' else ''} Check whether "
                "public_network_access excludes the worker's network.".strip(),
            )
        case 404:
            return Meaning(
                "scoring_not_found",
                "the endpoint does not know the deployment",
                "Azure lists it. Retry in some minutes; if that does not help, request a new release.",
                tries=None,
            )
        case 408:
            return _too_slow(deployment)
        case 413:
            return Meaning(
                "golden_request_too_large",
                "the request is too large",
                "Azure ML accepts 10 MB at most. Make the golden request smaller.",
            )
        case 424:
            return _of_model(answer)
        case 429:
            return Meaning(
                "scoring_throttled",
                "there are more concurrent requests than it accepts",
                "Raise request_settings.max_concurrent_requests_per_instance or the instance_count, and check who else calls it.",
                tries=None,
            )
        case status if status >= 500:
            return Meaning(
                "scoring_unavailable",
                "the endpoint does not work at the moment",
                "Retry in some minutes, and check the status of Azure in this region.",
                tries=None,
            )
        case status if 300 <= status < 400:
            return Meaning(
                "scoring_redirected",
                "it redirects to another address, which is not followed",
                "Something between the worker and the endpoint responds in its place, e.g. a proxy or a login page.",
            )
        case _:
            return Meaning(
                "golden_request_refused",
                "the request is not accepted",
                "Compare the golden request with what run() of the score code reads. The traffic was not changed.",
                is_of_model=True,
            )


def _too_slow(deployment: Deployment) -> Meaning:
    limit = deployment.request_timeout_ms
    within = f" within its request_timeout_ms of {limit}" if limit else ""
    return Meaning(
        "scoring_timed_out",
        f"it did not respond{within}",
        "Raise request_settings.request_timeout_ms in deployment.yml (180000 at most), or make the model faster: a larger "
        "instance_type, less work in run(), or loading in init() instead of run().",
        tries=2,
    )


def _of_model(answer: Answer) -> Meaning:
    reason, status = answer.headers.get(_REASON, ""), answer.headers.get(_MODEL_STATUS, "")
    if reason == "model_not_ready" or status in _OVERLOADED:
        return Meaning(
            "model_not_ready",
            "the container is not ready",
            f"It restarts, or cannot take another request. {_LOG}",
            tries=None,
            is_of_model=True,
        )
    return Meaning(
        "model_failed",
        f"the score code failed{f' with {status}' if status.isdigit() else ''}",
        f"run() of the score code raised an error, or cannot read the golden request. {_LOG} The traffic was not changed.",
        is_of_model=True,
    )
