"""The table: fault × step → outcome. A step is tried three times here, with short waits between."""

from collections.abc import Iterator, Mapping

from tests.faults.rows import SERVES_IN_PROD, Fault, Json, Row, Target

READ_SECONDS = 4.0  # that the worker waits for an answer
TRIES = 3
ALWAYS = 100  # times

# Faults of requests that pass.
THROTTLED = Fault("429, Retry-After: 2", {"status": 429, "code": "TooManyRequests", "retry_after": 2}, waits=2)
INTERNAL = Fault("500 once", {"status": 500})
UNAVAILABLE = Fault("503, Retry-After: 1", {"status": 503, "code": "ServiceUnavailable", "retry_after": 1}, waits=1)
CUT_BEFORE = Fault("connection cut before the request is accepted, twice", {"cut": "before", "times": 2})
CUT_AFTER = Fault("connection cut after the request was accepted", {"cut": "after"})
SLOW = Fault("no answer within the read timeout, twice", {"delay": READ_SECONDS + 1.5, "times": 2})
EXPIRED = Fault(
    "401 ExpiredAuthenticationToken once",
    {"status": 401, "code": "ExpiredAuthenticationToken", "message": "The access token expiry is in the past."},
)

CUT_IMPORT = Fault("connection cut after the copy was asked for", {"cut": "after"})

# Which request of a step is struck.
RESOLVE = Target("GET", "/ws-dev/environments/{e}/versions")
REGISTER = Target("PUT", "/ws-dev/models/{m}/versions/")
CREATE_ENDPOINT = Target("PUT", r"/onlineEndpoints/{m}-dev\?")
UPLOAD = Target("PUT", r"/src-{m}/score\.py")
CREATE_DEPLOYMENT = Target("PUT", "/onlineEndpoints/{m}-dev/deployments/")
VERIFY = Target("POST", "/inference/[a-z0-9]+/{m}-dev/")
SHIFT = Target("PUT", r"/onlineEndpoints/{m}-dev\?", skip=1)  # the one that makes the endpoint
PUBLISH = Target("PUT", "/kv-dev/secrets/{m}-dev-scoring-uri")
RETIRE = Target(
    "GET",
    r"/onlineEndpoints/{m}-dev/deployments\?api-version=2023-04-01-preview",
    skip=2,  # those before the traffic is shifted, which is tried twice
)
SHARE_MODEL = Target("GET", r"/registries/reg-shared/models/{m}/versions\?")
SHARE_ENVIRONMENT = Target("GET", r"/registries/reg-shared/environments/{e}/versions\?")
IMPORT = Target("POST", "/registries/reg-shared/import")

# In the order in which they are struck: faults of one request wait behind each other.
PASSING: Mapping[str, Target] = {
    "resolve_content": RESOLVE,
    "register_model": REGISTER,
    "create_endpoint": CREATE_ENDPOINT,
    "create_deployment": CREATE_DEPLOYMENT,
    "verify_deployment": VERIFY,
    "shift_traffic": SHIFT,
    "publish_secrets": PUBLISH,
    "retire_deployments": RETIRE,
    "share_model": SHARE_MODEL,
    "share_environment": SHARE_ENVIRONMENT,
}

DEPLOYMENT = Target(operation="deployment", resource="/{m}-dev/")
ENDPOINT = Target(operation="endpoint", resource="/{m}-dev$")
TRAFFIC = Target(operation="endpoint_update", resource="/{m}-dev$")
DELETE = Target(operation="delete", resource="/{m}-dev/")
SHARED_MODEL = Target(operation="share", resource="/models/{m}/")
SHARED_ENVIRONMENT = Target(operation="share", resource="/environments/{e}/")

ENDPOINT_ONLY = "1 version, 1 endpoint"
FAILED_DEPLOYMENT = "1 version, 1 endpoint, 1 deployment (failed) without traffic"
IDLE_DEPLOYMENT = "1 version, 1 endpoint, 1 deployment (succeeded) without traffic"
FAILED_ENDPOINT = "1 version, 1 endpoint (failed)"


def passing(fault: Fault, **tries: int) -> Iterator[Row]:
    """One release, struck once at each of these steps."""
    for step, target in PASSING.items():
        if step in tries:
            yield Row(fault, step, target, tries=tries[step], release=fault.name, left=SERVES_IN_PROD)


def ends(code: str, message: str = "Azure says why.", *, times: int = 1) -> Fault:
    """An operation that was accepted and ends Failed."""
    often = {1: "", ALWAYS: ", always"}[times]
    return Fault(f"operation ends Failed: {code}{often}", {"code": code, "message": message, "times": times})


def always(status: int, code: str, **more: float) -> Fault:
    strikes: Json = {"status": status, "code": code, "times": ALWAYS, "message": "Azure says why.", **more}
    return Fault(f"{status} always", strikes, waits=more.get("retry_after", 0.0))


NEVER_ENDS = Fault("operation never ends", {"never_ends": True})
REGIONAL = ends(
    "OutOfCapacity", "The requested VM size Standard_E2s_v3 is not available: not enough capacity in region eastus."
)
SAID = ("Azure says why.",)

EVERYWHERE = dict.fromkeys(PASSING, 2)

TABLE: tuple[Row, ...] = (
    *passing(THROTTLED, **EVERYWHERE),
    *passing(INTERNAL, **EVERYWHERE),
    *passing(UNAVAILABLE, **EVERYWHERE),
    # The SDK sends a request again once when the connection breaks; scoring requests are not sent by the SDK.
    *passing(CUT_BEFORE, **{**EVERYWHERE, "verify_deployment": 3}),
    # The SDK sends what may be sent twice again itself; Azure has it by then, and nothing is made twice.
    *passing(CUT_AFTER, **{step: 2 if step == "verify_deployment" else 1 for step in PASSING}),
    *passing(SLOW, resolve_content=2, create_deployment=2, shift_traffic=2, share_model=2),
    *passing(EXPIRED, **{step: 2 for step in PASSING if step not in {"verify_deployment", "publish_secrets"}}),
    # Storage, while the score code is uploaded: the SDK tries again by itself, after a quarter of a minute.
    Row(Fault("storage answers 500 once", {"status": 500}), "create_deployment", UPLOAD),
    Row(Fault("storage answers 503 once", {"status": 503, "code": "ServerBusy"}), "create_deployment", UPLOAD),
    # An operation that Azure accepted, and then gave up.
    *(
        Row(ends(code), "create_deployment", DEPLOYMENT, "errored", 1, ours, (code, *SAID), left=FAILED_DEPLOYMENT)
        for code, ours in {
            "ImageBuildFailure": "image_build_failed",
            "OutOfQuota": "quota_exceeded",
            "BadArgument": "azure_bad_request",
            "ResourceNotReady": "model_failed",
            "ResourceNotFound": "azure_not_found",
            "SecretsInjectionError": "azure_operation_failed",
        }.items()
    ),
    Row(REGIONAL, "create_deployment", DEPLOYMENT, tries=2),
    Row(ends("WorkspaceManagedNetworkNotReady"), "create_deployment", DEPLOYMENT, tries=2),
    Row(ends("OperationCanceled"), "create_deployment", DEPLOYMENT, tries=2),
    Row(ends("InternalServerError"), "create_deployment", DEPLOYMENT, tries=2),
    Row(
        ends("InternalServerError", times=ALWAYS),
        "create_deployment",
        DEPLOYMENT,
        "errored",
        TRIES,
        "azure_operation_failed",
        ("InternalServerError", *SAID),
        left=FAILED_DEPLOYMENT,
    ),
    Row(ends("InternalServerError"), "create_endpoint", ENDPOINT, tries=2),
    Row(
        ends("BadArgument"),
        "create_endpoint",
        ENDPOINT,
        "errored",
        1,
        "azure_bad_request",
        ("BadArgument", *SAID),
        left=FAILED_ENDPOINT,
    ),
    Row(ends("InternalServerError"), "shift_traffic", TRAFFIC, tries=2),
    Row(
        ends("BadArgument"),
        "shift_traffic",
        TRAFFIC,
        "errored",
        1,
        "azure_bad_request",
        ("BadArgument", *SAID),
        left="1 version, 1 endpoint (failed), 1 deployment (succeeded) without traffic",
    ),
    Row(ends("InternalServerError"), "share_model", SHARED_MODEL, tries=2, left=SERVES_IN_PROD),
    Row(ends("InternalServerError"), "share_environment", SHARED_ENVIRONMENT, tries=2, left=SERVES_IN_PROD),
    Row(
        ends("BadArgument"),
        "share_model",
        SHARED_MODEL,
        "errored",
        1,
        "azure_bad_request",
        SAID,
        left="1 version, no copy, 1 endpoint",
    ),
    Row(
        ends("InternalServerError"),
        "retire_deployments",
        DELETE,
        tries=2,
        earlier=2,
        left="1 version, 1 endpoint, 2 deployments, of which one serves",
    ),
    # An operation that never ends: the step's time does.
    Row(
        NEVER_ENDS,
        "create_endpoint",
        ENDPOINT,
        "errored",
        1,
        "timed_out",
        ("Waiting for endpoint",),
        left="1 version, 1 endpoint (creating)",
        minutes={"create_endpoint": 0.1},
    ),
    Row(
        NEVER_ENDS,
        "create_deployment",
        DEPLOYMENT,
        "errored",
        1,
        "timed_out",
        ("Waiting for deployment",),
        left="1 version, 1 endpoint, 1 deployment (creating) without traffic",
        minutes={"create_deployment": 0.2},
    ),
    Row(
        NEVER_ENDS,
        "share_model",
        SHARED_MODEL,
        "errored",
        1,
        "timed_out",
        ("Waiting for registry reg-shared to copy model",),
        left="1 version, no copy, 1 endpoint",
        minutes={"share_model": 0.2},
    ),
    # Answers that stay.
    Row(
        always(503, "ServiceUnavailable"),
        "resolve_content",
        RESOLVE,
        "errored",
        TRIES,
        "azure_unavailable",
        SAID,
        left="nothing",
    ),
    Row(
        always(500, "InternalServerError"),
        "register_model",
        REGISTER,
        "errored",
        TRIES,
        "azure_unavailable",
        SAID,
        left="1 endpoint",
    ),
    Row(
        always(403, "AuthorizationFailed"),
        "register_model",
        REGISTER,
        "errored",
        1,
        "not_permitted",
        SAID,
        left="1 endpoint",
    ),
    Row(
        always(401, "InvalidAuthenticationToken"),
        "create_endpoint",
        CREATE_ENDPOINT,
        "errored",
        1,
        "credentials_missing",
        SAID,
        left="1 version",
    ),
    Row(
        always(403, "AuthorizationFailed"),
        "create_deployment",
        CREATE_DEPLOYMENT,
        "errored",
        1,
        "not_permitted",
        SAID,
        left=ENDPOINT_ONLY,
    ),
    # The deployment is asked, and something else answers.
    Row(Fault("the key is not accepted, once", {"status": 401}), "verify_deployment", VERIFY),
    Row(Fault("the gateway does not know the deployment yet", {"status": 404}), "verify_deployment", VERIFY, tries=2),
    Row(Fault("408 once", {"status": 408}), "verify_deployment", VERIFY),
    Row(
        always(401, "Unauthorized"),
        "verify_deployment",
        VERIFY,
        "failed",
        1,
        "scoring_unauthenticated",
        ("with 401", "auth_mode"),
        left=IDLE_DEPLOYMENT,
    ),
    Row(
        always(408, "Timeout"),
        "verify_deployment",
        VERIFY,
        "failed",
        1,
        "scoring_timed_out",
        ("with 408", "request_timeout_ms"),
        left=IDLE_DEPLOYMENT,
    ),
    Row(
        Fault("the model breaks: 424", {"status": 424, "message": "Azure says why."}),
        "verify_deployment",
        VERIFY,
        "failed",
        1,
        "model_failed",
        ("with 424",),
        left=IDLE_DEPLOYMENT,
    ),
    Row(
        always(503, "ServiceUnavailable"),
        "verify_deployment",
        VERIFY,
        "errored",
        TRIES,
        "azure_unavailable",
        ("with 503",),
        left=IDLE_DEPLOYMENT,
    ),
    # The Key Vault.
    Row(always(403, "Forbidden"), "publish_secrets", PUBLISH, "errored", 1, "not_permitted", ("kv-dev", *SAID)),
    Row(
        always(429, "Throttled", retry_after=1),
        "publish_secrets",
        PUBLISH,
        "errored",
        TRIES,
        "azure_throttled",
        ("kv-dev", *SAID),
    ),
    # Copies into the registry are asked for without the model's name in the address.
    Row(CUT_IMPORT, "share_model", IMPORT, tries=2, left=SERVES_IN_PROD, alone=True, release="import cut"),
    Row(CUT_IMPORT, "share_environment", IMPORT, tries=2, left=SERVES_IN_PROD, alone=True, release="import cut"),
)
