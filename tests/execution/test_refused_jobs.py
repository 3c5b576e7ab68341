"""A job that is refused ends, says where it is wrong, and leaves its name to the mended file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from app.azureml.errors import AzureMLError, BadRequest, ConnectionLost, NotFound, SdkFailed
from app.azureml.translation import translated
from app.bundles.tables import Bundle
from app.execution.context import WorkerContext
from app.execution.poll_jobs import LOST_AFTER, _not_seen, _not_submitted
from app.identity.actor import SERVICE
from app.jobs.service import LOST, NOT_FOUND, NOT_SEEN, REFUSED, SUBMITTING, Submission, record_state
from app.jobs.tables import TrainingJob
from app.planning.places import Place
from app.releasing.training_jobs import _have_recorded
from app.releasing.work import Work
from tests.execution.instant import hands, worker
from tests.instant import Hands
from tests.releases.conftest import planned

__all__ = ["Hands", "hands", "planned", "worker"]


def a_job(*, status: str, unanswered: int = 0) -> TrainingJob:
    return TrainingJob(
        subscription="s",
        resource_group="g",
        workspace="w",
        name="job-1",
        status=status,
        code="x",
        sentence="x",
        unanswered=unanswered,
        recorded_by="ana",
        created_at=datetime.now(UTC),
    )


def test_yaml_that_cannot_be_parsed_is_said_with_file_and_line(tmp_path: Path) -> None:
    broken = tmp_path / "train.yml"
    broken.write_text("name: train\ninputs:\n  a: [1, 2\nb: }\n")

    with pytest.raises(BadRequest) as refused, translated("submit job.yml as job a"), broken.open() as stream:
        yaml.safe_load(stream)

    assert str(refused.value).startswith("Could not submit job.yml as job a: train.yml, line 4 cannot be read:")


@pytest.mark.parametrize(
    "broken", [AttributeError("'int' object has no attribute 'x'"), KeyError("a"), TypeError("odd"), ValueError("odd")]
)
def test_whatever_the_sdk_stumbles_over_is_an_error_of_azures(broken: Exception) -> None:
    with pytest.raises(SdkFailed, match="Could not look: "), translated("look"):
        raise broken


def test_bytes_that_are_no_text_are_said_so() -> None:
    with pytest.raises(BadRequest, match="not text in UTF-8"), translated("look"):
        b"caf\xe9".decode("utf-8")


@pytest.mark.parametrize(
    ("error", "unanswered", "status", "code"),
    [
        (BadRequest("Wrong."), 0, REFUSED, "job_refused"),
        (NotFound("There is no environment."), 0, REFUSED, "job_refused"),
        (ConnectionLost("Away."), 0, SUBMITTING, NOT_SEEN),
        (ConnectionLost("Away."), LOST_AFTER, REFUSED, "job_refused"),
    ],
)
def test_job_that_is_not_submitted(
    worker: WorkerContext, error: AzureMLError, unanswered: int, status: str, code: str
) -> None:
    job = a_job(status=SUBMITTING, unanswered=unanswered)

    seen = _not_submitted(worker, job, error)

    assert (seen.status, seen.code, seen.is_final) == (status, code, status == REFUSED)
    assert (seen.ended_at is not None) == seen.is_final


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound("Gone."), NOT_FOUND),
        (BadRequest("Wrong.", azure_code="BadArgument"), LOST),
        (SdkFailed("Odd."), "Running"),
    ],
)
def test_job_that_was_there_and_is_not_seen(error: AzureMLError, status: str) -> None:
    assert _not_seen(a_job(status="Running"), error).status == status


@pytest.mark.usefixtures("planned")
def test_name_of_a_refused_job_is_free_for_the_mended_file(worker: WorkerContext) -> None:
    now = datetime.now(UTC)
    place = Place(subscription="sub", resource_group="rg", workspace="ws")
    with Work(worker.releasing, SERVICE).transaction() as work:
        work.add_all(Bundle(digest=each, archive=b"", size=0, created_at=now) for each in ("sha256:1", "sha256:2"))
        work.flush()
        job = _have_recorded(work, place, "job-14", model="churn", submission=Submission("sha256:1", "job.yml"))
        record_state(work, job, _not_submitted(worker, job, BadRequest("`comand` is not known.")))
        assert (job.status, job.is_final) == (REFUSED, True)

    with Work(worker.releasing, SERVICE).transaction() as work:
        again = _have_recorded(work, place, "job-14", model="churn", submission=Submission("sha256:2", "job.yml"))
        assert (again.id, again.bundle_digest, again.status, again.is_final) == (job.id, "sha256:2", SUBMITTING, False)
        assert again.ended_at is None
        assert again.next_poll_at is not None
