"""Whether a run may go on: when the model of its commit serves in the stage."""

from dataclasses import dataclass

from sqlmodel import Session

from app.gates.tables import GateState
from app.releases.queries import list_releases, rollouts_of
from app.releases.states import Status
from app.releases.tables import Release
from app.serving.queries import serving_since

NEWEST = 100  # releases of the model among which the commit's is looked for


@dataclass(frozen=True)
class Judgement:
    state: GateState
    sentence: str
    release_id: str | None = None


def judge(session: Session, *, model: str, stage: str, commit: str) -> Judgement:
    """By the newest release of that commit. Without one the run waits: it may be asked for later."""
    release = _release_of(session, model, stage, commit)
    if release is None:
        return Judgement(
            GateState.WAITING,
            f"No release of {model} from commit {commit[:12]} goes to {stage} yet.",
        )
    rollout = next((each for each in rollouts_of(session, release.id) if each.stage == stage), None)
    status = release.status if rollout is None else rollout.status
    about = f"{release.id} in {stage}"
    if rollout is not None and status is Status.SUCCEEDED:
        if serving_since(session, rollout.target, release.id) is not None:
            return Judgement(GateState.APPROVED, f"{about} serves.", release.id)
        return Judgement(GateState.REJECTED, f"{about} does not serve any more: something else does.", release.id)
    if status.is_final or release.status.is_final:
        why = release.sentence if rollout is None or not status.is_final else rollout.sentence
        return Judgement(GateState.REJECTED, f"{about} is {status.value}. {why}", release.id)
    return Judgement(GateState.WAITING, f"{about} is {status.value}.", release.id)


def commit_of(release: Release) -> str | None:
    """Of the training job whose model it brings; None where there is none, or it is not known yet."""
    commit: str | None = (release.content or {}).get("git_commit")
    return commit


def _release_of(session: Session, model: str, stage: str, commit: str) -> Release | None:
    newest = list_releases(session, model=model, limit=NEWEST)
    return next((each for each in newest if stage in each.stages and commit_of(each) == commit), None)
