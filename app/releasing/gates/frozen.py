"""A freeze or a hold keeps it out, unless the glass was broken, or it goes back to what has served before. What a freeze kept out begins by itself when it ends."""

from app.freezes.queries import frozen_for
from app.releases.queries import plan_of
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.gates.gate import Closed
from app.releasing.guarding import site_in
from app.releasing.work import Work


def frozen(work: Work, release: Release, rollout: Rollout) -> Closed | None:
    if rollout.emergency or release.purpose.goes_back:
        return None
    always = work.guardrails.windows(site_in(plan_of(work, rollout).read()))
    found = frozen_for(work, model=release.model, stage=rollout.stage, target=rollout.target, now=work.now, also=always)
    if found is None:
        return None
    why = "; ".join(found.reasons)
    if found.until is None:
        return Closed(Status.SCHEDULED, "held", f"On hold: {why}. Starts when the hold is deleted.")
    sentence = f"Frozen until {found.until:%Y-%m-%d %H:%M} UTC: {why}. Starts then."
    return Closed(Status.SCHEDULED, "frozen", sentence, until=found.until)
