"""From what the SDK raises to ``azureml.errors``: one table for every call."""

import json
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from azure.ai.ml.exceptions import AssetPathException, MlException, ValidationErrorType, ValidationException
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.identity import CredentialUnavailableError
from marshmallow import ValidationError as SchemaError

from app.azureml.errors import (
    AlreadyExists,
    AzureMLError,
    BadRequest,
    Busy,
    ConnectionLost,
    CredentialsMissing,
    ImageBuildFailed,
    ModelFailed,
    NotFound,
    NotPermitted,
    OperationEnded,
    QuotaExceeded,
    SdkFailed,
    Throttled,
    TimedOut,
    Unavailable,
)
from app.azureml.resources import is_out_of_resources, out_of_resources
from app.errors import MlreleaseError
from app.evidence.cleaning import without_colours
from app.evidence.redaction import sentence_of
from app.sandbox.child import find_denied

log = structlog.get_logger(__name__)

LONGEST_RETRY_AFTER = 600.0  # seconds: nobody is kept waiting longer without another question
_LONGEST = 1500  # characters of Azure's own words that are kept

_QUOTA = re.compile(r"quota|OutOfCapacity|not enough.*(cores|capacity)", re.I | re.S)
_BUSY = re.compile(
    r"because it is in (Creating|Updating|Deleting|Scaling) (provisioning )?state|another operation is in progress",
    re.I,
)
_TAKEN = re.compile(r"already (exists|an endpoint|in use|taken)|(must|needs to) be unique", re.I)
_PASSING = frozenset({"OperationCanceled", "InternalServerError", "WorkspaceManagedNetworkNotReady"})
_SPACES = re.compile(r"\s+")
# What the SDK puts after every refusal of a file: where to read more, which editor to use.
_ADVICE = re.compile(
    r"\s*(If using the CLI, you can also check the full log|Additional Resources: The easiest way|The easiest way to author "
    r"a (yaml )?specification file|Visit this link to refer to the ).*",
    re.S,
)
_NO_CREDENTIAL = "EnvironmentCredential authentication unavailable"
_UNKNOWN_CLOUD = "Unknown cloud environment"

_ROLE_HINT = "Give the service's identity the role AzureML Data Scientist there, or one that allows this action."
_QUOTA_HINT = (
    "Azure reserves 20% on top of the instances for upgrades. Delete deployments that nobody needs, choose a smaller "
    "instance_type or instance_count, or ask for more quota in the portal."
)
_LOGIN_HINT = (
    "Sign in (`az login`), or give the worker a managed identity or AZURE_CLIENT_ID, _TENANT_ID and _CLIENT_SECRET."
)


def _place_in_yaml(raised: Exception) -> str | None:
    """File and line of a YAML error, as the parsers that the SDK uses tell."""
    mark = getattr(raised, "problem_mark", None) or getattr(raised, "context_mark", None)
    if mark is None:
        return None
    return f"{Path(str(mark.name)).name}, line {int(mark.line) + 1}"


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise AzureMLError for whatever Azure or its SDK says no with. ``doing`` completes "Could not …"."""
    try:
        yield
    except (AzureError, SchemaError) as raised:
        # Not chained: the SDK's exceptions hold whole requests, which may hold keys.
        raise translate(raised, doing=doing) from None
    except MlreleaseError:
        raise
    except (MemoryError, RecursionError):
        raise  # what a child's limits, or this process's, do not allow
    except OSError as raised:
        if find_denied(raised) is not None:
            raise
        if is_out_of_resources(raised):
            raise out_of_resources(raised, doing=doing) from raised
        raise _sdk_failed(raised, doing=doing) from raised
    except Exception as raised:
        if find_denied(raised) is not None:
            raise
        log.warning("sdk_failed", doing=doing, exc_info=raised)
        raise _sdk_failed(raised, doing=doing) from raised


def _sdk_failed(raised: Exception, *, doing: str) -> AzureMLError:
    """Whatever a YAML or an answer of Azure makes the SDK stumble over, it is said of what was done, not of this service."""
    place = _place_in_yaml(raised)
    if place is not None:
        return BadRequest(f"Could not {doing}: {place} cannot be read: {_words(raised)}", hint="Correct that line.")
    if isinstance(raised, UnicodeDecodeError):
        return BadRequest(f"Could not {doing}: a file is not text in UTF-8.", hint="Save its YAML files as UTF-8.")
    return SdkFailed(f"Could not {doing}: {type(raised).__name__}: {_words(raised)}")


def translate(raised: Exception, *, doing: str) -> AzureMLError:
    """The error of ours for one of the SDK's."""
    if isinstance(raised, ClientAuthenticationError):
        return _of_credentials(raised, doing=doing)
    if isinstance(raised, HttpResponseError) and raised.status_code is not None:
        return _of_response(raised, doing=doing)
    if isinstance(raised, ServiceRequestTimeoutError | ServiceResponseTimeoutError):
        return TimedOut(f"Could not {doing}: Azure did not answer in time.")
    if isinstance(raised, ServiceRequestError | ServiceResponseError):
        return ConnectionLost(f"Could not {doing}: no connection to Azure. {_words(raised)}")
    if isinstance(raised, MlException):
        return _of_sdk(raised, doing=doing)
    if isinstance(raised, SchemaError):
        return BadRequest(f"Could not {doing}: {_words(raised)}")
    return AzureMLError(f"Could not {doing}: {_words(raised)}")


def operation_failed(code: str, message: str, *, doing: str) -> AzureMLError:
    """The error for a long-running operation that Azure accepted and then ended Failed."""
    sentence = f"Could not {doing}: {code}: {sentence_of(message)[:_LONGEST]}"
    if code == "ImageBuildFailure":
        return ImageBuildFailed(
            sentence,
            azure_code=code,
            hint="Correct the environment's packages. The build log is in the workspace's storage.",
        )
    if code in {"OutOfQuota", "OutOfCapacity"} or _QUOTA.search(f"{code} {message}"):
        return QuotaExceeded(
            sentence, azure_code=code, hint=_QUOTA_HINT, retryable="capacity" in f"{code} {message}".lower()
        )
    if code in {"ResourceNotReady", "ScoringScriptFailed", "UserScriptException"}:
        return ModelFailed(sentence, azure_code=code, hint="init() or a probe failed; see the deployment's logs.")
    if code in {"ResourceNotFound", "NotFound"}:
        return NotFound(sentence, azure_code=code)
    if code == "BadArgument":
        return BadRequest(sentence, azure_code=code)
    return OperationEnded(sentence, azure_code=code, retryable=code in _PASSING)


def _of_credentials(raised: ClientAuthenticationError, *, doing: str) -> AzureMLError:
    if raised.status_code is not None and raised.status_code >= 500:
        return Unavailable(f"Could not {doing}: the identity service does not work. {_words(raised)}")
    if isinstance(raised, CredentialUnavailableError) or _NO_CREDENTIAL in _words(raised):
        # What follows in Azure's own words is a page about every kind of credential that it looked for.
        return CredentialsMissing(f"Could not {doing}: no credentials for Azure were found.", hint=_LOGIN_HINT)
    return _not_accepted(raised, doing=doing)


def _not_accepted(raised: HttpResponseError, *, doing: str) -> CredentialsMissing:
    return CredentialsMissing(
        f"Could not {doing}: Azure does not accept the credentials. {_words(raised)}",
        azure_code=_code(raised),
        hint=_LOGIN_HINT,
        retryable=_code(raised) == "ExpiredAuthenticationToken",  # the clocks differ: a moment later there is a new one
    )


def _of_response(raised: HttpResponseError, *, doing: str) -> AzureMLError:
    status, code, words = raised.status_code or 0, _code(raised), _words(raised)
    sentence = f"Could not {doing}: {words}"
    if status == 401:
        return _not_accepted(raised, doing=doing)
    if status == 404:
        return NotFound(sentence, azure_code=code)
    if status == 403:
        return NotPermitted(sentence, azure_code=code, hint=_ROLE_HINT)
    if status == 429:
        return Throttled(sentence, azure_code=code, retry_after=_retry_after(raised))
    if status == 408:
        return TimedOut(sentence, azure_code=code)
    if status >= 500:
        return Unavailable(sentence, azure_code=code, retry_after=_retry_after(raised))
    if _BUSY.search(words):
        return Busy(sentence, azure_code=code)
    if _QUOTA.search(f"{code} {words}") or (
        code == "InferencingClientCreateDeploymentFailed" and "vmsize" in words.lower()
    ):
        return QuotaExceeded(sentence, azure_code=code, hint=_QUOTA_HINT)
    if "ImageBuildFail" in f"{code} {words}":
        return ImageBuildFailed(sentence, azure_code=code)
    if status == 409 or _TAKEN.search(words):
        return AlreadyExists(sentence, azure_code=code)
    if code in _PASSING:  # a registry answers 400 for an operation that failed, whatever it failed with
        return OperationEnded(sentence, azure_code=code, retryable=True)
    return BadRequest(sentence, azure_code=code)


def _of_sdk(raised: MlException, *, doing: str) -> AzureMLError:
    # The SDK wraps what really happened in storage or on the wire.
    for inner in (raised.__cause__, raised.__context__, raised.inner_exception):
        if isinstance(inner, AzureError) and not isinstance(inner, MlException):
            return translate(inner, doing=doing)
    words = _words(raised)
    sentence = f"Could not {doing}: {words}"
    if _UNKNOWN_CLOUD in words:
        return ConnectionLost(
            f"Could not {doing}: the cloud's metadata cannot be read.",
            hint="Check ARM_CLOUD_METADATA_URL.",
        )
    if isinstance(raised, AssetPathException) or _TAKEN.search(words):
        return AlreadyExists(sentence)
    if isinstance(raised, ValidationException) and raised.error_type == ValidationErrorType.RESOURCE_NOT_FOUND:
        return NotFound(sentence)
    return BadRequest(sentence)


def _code(raised: HttpResponseError) -> str | None:
    """The code of the innermost detail: the outer one mostly is BadRequest or UserError."""
    error = raised.error
    while error is not None and error.details:
        error = error.details[0]
    return error.code if error is not None else None


def _words(raised: Exception) -> str:
    """What Azure says, in one line. The sentence that matters is often in a detail, as a JSON text in a message."""
    error = getattr(raised, "error", None)
    if error is not None and error.message:
        said = [error.message, *(_inside(detail.message) for detail in error.details or [] if detail.message)]
    else:
        said = [str(getattr(raised, "message", None) or raised)]
    # The SDK paints its own refusals for terminals.
    plain = sentence_of(without_colours(" ".join(said)))
    return _SPACES.sub(" ", _ADVICE.sub("", plain)).strip()[:_LONGEST]


def _inside(message: str) -> str:
    try:
        errors = json.loads(message)["errors"]
        return " ".join(f"{field}: {' '.join(said)}" if field else " ".join(said) for field, said in errors.items())
    except (ValueError, KeyError, TypeError, AttributeError):
        return message


def _retry_after(raised: HttpResponseError) -> float | None:
    response: Any = raised.response
    headers = response.headers if response is not None else {}
    milliseconds, seconds = headers.get("retry-after-ms"), headers.get("Retry-After")
    try:
        asked = float(milliseconds) / 1000 if milliseconds else float(seconds) if seconds else math.nan
    except ValueError:
        return None
    return min(asked, LONGEST_RETRY_AFTER) if asked >= 0 else None  # not where it is no number at all
