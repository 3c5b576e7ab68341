"""What Azure says no with, as the service understands it.

    StepError
    └── AzureMLError
        ├── (worth another try: ``retryable``)
        │   ├── Throttled           429; ``retry_after`` says when
        │   ├── Unavailable         5xx
        │   ├── ConnectionLost      no connection, or it broke
        │   ├── TimedOut            408, or no answer in time
        │   ├── OutOfResources      this machine's disk, memory or open files
        │   ├── ChangedMeanwhile    somebody changed it after it was looked at: look again
        │   └── Busy                something is going on there: waiting, not failing
        ├── NotFound                404
        ├── NotPermitted            403: known, but lacks a role
        ├── CredentialsMissing      401, or no credentials at all
        ├── AlreadyExists           that version or name is there already
        ├── NameTaken               an endpoint's name is taken in the region
        ├── QuotaExceeded           no cores left; more than the deployment itself needs
        ├── ImageBuildFailed        the environment cannot be built
        ├── ModelFailed             the scoring code did not start
        ├── AnswerTooLarge          a scoring answer of more bytes than are read
        ├── BadRequest              Azure does not accept what was sent
        ├── SdkFailed           the SDK itself broke on what it was given or on what Azure answered
        └── OperationEnded          an operation ended Failed; retryable where Azure says so

``azureml.translation`` makes them of what the SDK raises.
"""

from typing import Any, ClassVar

from app.database.storable import storable_json, storable_text
from app.errors import StepError
from app.evidence.log import Log
from app.evidence.redaction import sentence_of


class AzureMLError(StepError):
    """``azure_code`` is Azure's own word; ``retryable`` tells whether the same thing may succeed later.

    ``log``: what the team's code wrote. It may hold secrets, and is no part of the sentence.
    """

    default_code: ClassVar[str] = "azure_error"
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        sentence: str,
        *,
        hint: str | None = None,
        azure_code: str | None = None,
        retry_after: float | None = None,
        retryable: bool | None = None,
        log: Log | None = None,
        **details: Any,
    ) -> None:
        clean: dict[str, Any] = storable_json(details)
        super().__init__(sentence_of(storable_text(sentence)), hint=hint and storable_text(hint), **clean)
        self.azure_code = azure_code
        self.retry_after = retry_after  # seconds
        self.log = log
        self.retryable = self.default_retryable if retryable is None else retryable


class Transient(AzureMLError):
    default_code = "azure_transient"
    default_retryable = True


class Throttled(Transient):
    default_code = "azure_throttled"


class Unavailable(Transient):
    default_code = "azure_unavailable"


class ConnectionLost(Transient):
    default_code = "azure_connection_lost"


class TimedOut(Transient):
    default_code = "azure_timed_out"


class OutOfResources(Transient):
    default_code = "worker_out_of_resources"


class ChangedMeanwhile(Transient):
    default_code = "azure_changed_meanwhile"


class Busy(Transient):
    default_code = "azure_busy"


class NotFound(AzureMLError):
    default_code = "azure_not_found"


class NotPermitted(AzureMLError):
    default_code = "not_permitted"


class CredentialsMissing(AzureMLError):
    default_code = "credentials_missing"


class AlreadyExists(AzureMLError):
    default_code = "already_exists"


class NameTaken(AzureMLError):
    default_code = "name_taken"


class QuotaExceeded(AzureMLError):
    default_code = "quota_exceeded"


class ImageBuildFailed(AzureMLError):
    default_code = "image_build_failed"


class ModelFailed(AzureMLError):
    default_code = "model_failed"


class AnswerTooLarge(AzureMLError):
    default_code = "answer_too_large"


class BadRequest(AzureMLError):
    default_code = "azure_bad_request"


class OperationEnded(AzureMLError):
    default_code = "azure_operation_failed"


class SdkFailed(AzureMLError):
    default_code = "azure_sdk_failed"
