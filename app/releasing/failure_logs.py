"""The logs of failures: read by who may diagnose the model, and deleted by who administers it."""

from collections.abc import Sequence

from sqlmodel import Session

from app.evidence.service import delete_text, evidence_on, subject_of_job
from app.evidence.tables import Evidence
from app.identity.actor import Actor
from app.identity.roles import Permission
from app.jobs.queries import get_job
from app.releases.queries import get_release, steps_of_release
from app.releasing.permissions import about_release, require_for_release
from app.releasing.work import Work


def logs_of_release(session: Session, actor: Actor, release_id: str) -> list[Evidence]:
    """Of its failed steps, the oldest first. Raises NotFound, Forbidden."""
    require_for_release(actor, Permission.DIAGNOSE, release_id)
    return evidence_on(session, _steps(session, release_id))


def logs_of_job(session: Session, actor: Actor, name: str, *, workspace: str | None) -> list[Evidence]:
    """The oldest first. Raises NotFound, also for a job that the actor may not diagnose, and Conflict (several have this name)."""
    job = get_job(session, name, workspace=workspace, visible=actor.models(Permission.DIAGNOSE))
    return evidence_on(session, [subject_of_job(job.id)])


@about_release(Permission.ADMINISTER)
def delete_log_of_release(work: Work, release_id: str, evidence_id: str) -> Evidence:
    """Raises NotFound. The digest stays; deleting it again changes nothing."""
    model = get_release(work, release_id).model
    return _delete(work, evidence_id, model=model, subjects=_steps(work, release_id))


def delete_log_of_job(work: Work, name: str, evidence_id: str, *, workspace: str | None) -> Evidence:
    """As of a release. Raises NotFound, also for a job that the actor may not administer, and Conflict (several have this name)."""
    job = get_job(work, name, workspace=workspace, visible=work.actor.models(Permission.ADMINISTER))
    return _delete(work, evidence_id, model=job.model, subjects=[subject_of_job(job.id)])


def _steps(session: Session, release_id: str) -> list[str]:
    get_release(session, release_id)
    return [step.id for steps in steps_of_release(session, release_id).values() for step in steps]


def _delete(work: Work, evidence_id: str, *, model: str | None, subjects: Sequence[str]) -> Evidence:
    kept = delete_text(work, subjects, evidence_id)
    if kept.deleted_at == work.now:
        data = {"subject": kept.subject, "digest": kept.digest}
        work.append_event("evidence.deleted", subject=kept.id, model=model, data=data)
    return kept
