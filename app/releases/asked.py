"""What people are asked, and what they ask: rounds of approval, break-glass, cancel and pause. Changes no status."""

from app.events.work import UnitOfWork
from app.releases.service import record
from app.releases.states import Control
from app.releases.tables import Release, Rollout


def begin_asking(work: UnitOfWork, rollout: Rollout) -> None:
    """People are asked from now on."""
    rollout.asked_at, rollout.emergency = work.now, False
    work.add(rollout)
    work.flush()


def begin_round(work: UnitOfWork, rollout: Rollout) -> None:
    """What was said on this rollout so far is void."""
    rollout.round += 1
    rollout.emergency = False
    work.add(rollout)
    work.flush()


def break_glass(work: UnitOfWork, rollout: Rollout) -> None:
    """No freeze and no hold keeps it any more."""
    rollout.emergency = True
    work.add(rollout)
    work.flush()


def end_break_glass(work: UnitOfWork, rollout: Rollout) -> None:
    """Freezes and holds keep it as they keep others."""
    rollout.emergency = False
    work.add(rollout)
    work.flush()


def ask_of(work: UnitOfWork, release: Release, control: Control, *, reason: str) -> None:
    """Note what is asked of a release that is under way; its steps look at this between two acts."""
    release.control = control
    asked = f"release.{control.value}_requested"
    record(work, release, asked, subject=release.id, data={"reason": reason})


def forget_what_was_asked(work: UnitOfWork, release: Release) -> None:
    """It goes on: what was asked of it before is done with. What it goes on as is the event."""
    release.control = None
    work.add(release)
    work.flush()
