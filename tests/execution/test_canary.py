"""A canary's rollout with instant steps: what people say to it, and that split traffic never stays with nobody."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from app.definitions.traffic import CanaryTraffic
from app.errors import Conflict
from app.events.tables import Event
from app.execution import giving_up as giving_up_module
from app.execution import rollout as rollout_module
from app.execution import timers as timers_module
from app.execution.context import WorkerContext
from app.execution.reconcile import MOST_WITH_LOSSES, Reconciliation
from app.execution.rollout import carry_out_rollout, move_target
from app.execution.step_runs import begin_steps
from app.execution.timers import wake_rollout
from app.freezes.queries import list_freezes
from app.freezes.service import Wanted
from app.planning.ids import release_of
from app.planning.kinds import VerifyDeployment
from app.planning.sources import read_source
from app.planning.steps import PlannedStep
from app.releases.at_target import moved_by, under_way_at
from app.releases.attempts import begin_attempt, renew_attempt, set_due
from app.releases.planning import plan_release
from app.releases.queries import steps_of
from app.releases.service import Request, create_release, move_rollout
from app.releases.states import Status
from app.releases.tables import Release, Rollout, StepRun, StoredPlan
from app.releasing import advance as advance_module
from app.releasing import asking as asking_module
from app.releasing.advance import advance_release, end_soaks_in_vain
from app.releasing.answering import advance, extend
from app.releasing.control import abort, cancel, pause, resume, retry
from app.releasing.freezing import create
from app.releasing.gates.gate import Closed
from app.releasing.on_record import RecordCache
from app.releasing.work import Work
from app.serving.earlier import has_begun_at
from app.serving.queries import serving_now
from app.steps.contract import Context, Done, Outcome, Refused, Waiting
from app.strategies.canary import canary
from app.strategies.moving import Verified
from tests.execution.instant import hands, worker
from tests.execution.rollouts import ANNA, queue_rollout
from tests.instant import BEFORE, Hands
from tests.planning.examples import CONTENT, PLACE, a_plan
from tests.releases.conftest import planned

__all__ = ["hands", "planned", "worker"]

NEW = "r1-abcd"
FORWARD = [
    "verify_deployment",
    "find_baseline",
    "shift_traffic",
    "analyse",
    "shift_traffic",
    "analyse",
    "shift_traffic",
]


@pytest.fixture
def rollout(worker: WorkerContext, planned: str) -> str:
    """The id of one that is queued: a verified deployment gets 5, 25 and then all of the traffic."""
    verify = VerifyDeployment(workspace=PLACE, endpoint="churn-dev", deployment=NEW, digest="sha256:m")
    wanted = CanaryTraffic.model_validate(
        {"strategy": "canary", "steps": [{"weight": 5, "bake": "30m"}, {"weight": 25, "bake": "30m"}]}
    )
    moving = canary(Verified(PLACE, "churn-dev", NEW, VerifyDeployment.kind, VerifyDeployment.kind, None), wanted)
    steps = (PlannedStep.of(verify), *moving.steps, *moving.back)
    with Work(worker.releasing, ANNA).transaction() as work:
        first = work.get_one(Release, planned)
        asked = Request("churn", first.definition_id, 1, read_source(first.source), ("dev",), job_id=first.job_id)
        release = create_release(work, asked, mark="abcd")
        (rollout,) = plan_release(work, release, CONTENT, [a_plan("dev", steps=steps)])
        begin_attempt(work, rollout)
        return rollout.id


def waits(worker: WorkerContext, *, asks: str | None = None, seen: list[Any] | None = None) -> Any:
    """An analysis that goes on once a person says so, and waits otherwise; ``seen`` gets each answer."""

    def act(context: Context) -> Outcome:
        if seen is not None:
            seen.append(None if context.answer is None else context.answer.answer)
        if context.answer is not None and context.answer.answer == "advance":
            return Done(f"{context.answer.by} goes on: {context.answer.reason}")
        return Waiting(worker.now() + timedelta(hours=1), "Too few requests. Go on?", {"kept": True}, asks=asks)

    return act


def state(worker: WorkerContext, rollout: str) -> Rollout:
    with worker.database.read() as session:
        return session.get_one(Rollout, rollout)


def step_of(worker: WorkerContext, rollout: str, key: str) -> StepRun:
    with worker.database.read() as session:
        return next(each for each in steps_of(session, rollout) if each.key == key)


def shares(worker: WorkerContext, rollout: str) -> dict[str, int]:
    """On record."""
    with worker.database.read() as session:
        target = session.get_one(Rollout, rollout).target
        return {each.deployment: each.weight for each in serving_now(session, target) if each.weight}


def holds(worker: WorkerContext) -> list[str]:
    with Work(worker.releasing, ANNA).transaction() as work:
        return [each.reason for each in list_freezes(work, model="churn")]


def ask(worker: WorkerContext, act: Any, rollout: str, **more: Any) -> None:
    with Work(worker.releasing, ANNA).transaction() as work:
        act(work, release_of(rollout), **more)


def test_good_one_gets_all_of_the_traffic_in_steps(worker: WorkerContext, rollout: str, hands: Hands) -> None:
    assert carry_out_rollout(worker, rollout) is Status.SUCCEEDED

    assert hands.seen == FORWARD
    assert step_of(worker, rollout, "restore_traffic").status.value == "skipped"
    assert shares(worker, rollout) == {NEW: 100}
    assert holds(worker) == []


def test_worse_one_is_taken_back_and_the_target_is_held(worker: WorkerContext, rollout: str, hands: Hands) -> None:
    def worse(_context: Context) -> Done:
        raise Refused("10 of the canary's 40 requests failed.", code="analysis_failed")

    hands.acts["analyse"] = worse

    assert carry_out_rollout(worker, rollout) is Status.ROLLED_BACK

    assert hands.seen == [*FORWARD[:4], "restore_traffic"]
    assert shares(worker, rollout) == {BEFORE: 100}
    assert state(worker, rollout).code == "analysis_failed"
    (reason,) = holds(worker)
    assert "10 of the canary's 40 requests failed." in reason
    assert "mlrelease freeze delete" in reason


def test_failure_at_no_traffic_holds_nothing(worker: WorkerContext, rollout: str, hands: Hands) -> None:
    def wrong(_context: Context) -> Done:
        raise Refused("The answer is wrong.", code="golden_mismatch")

    hands.acts["verify_deployment"] = wrong

    assert carry_out_rollout(worker, rollout) is Status.FAILED
    assert holds(worker) == []


def test_way_back_that_fails_says_who_has_which_share_and_holds_the_target(
    worker: WorkerContext, rollout: str, hands: Hands
) -> None:
    def no(_context: Context) -> Done:
        raise Refused("Nothing is left that can answer.", code="baseline_gone")

    hands.acts["analyse"] = hands.acts["restore_traffic"] = no

    assert carry_out_rollout(worker, rollout) is Status.FAILED

    assert f"On record: {BEFORE} has 95%, {NEW} has 5%." in state(worker, rollout).sentence
    assert len(holds(worker)) == 1


def test_while_it_asks_that_is_what_it_says_until_somebody_answers(
    worker: WorkerContext, rollout: str, hands: Hands
) -> None:
    answers: list[Any] = []
    hands.acts["analyse"] = waits(worker, asks="inconclusive", seen=answers)
    assert carry_out_rollout(worker, rollout) is Status.IN_PROGRESS
    asking = state(worker, rollout)
    assert (asking.code, asking.sentence) == ("inconclusive", "Too few requests. Go on?")
    assert step_of(worker, rollout, "analyse:5").code == "inconclusive"

    ask(worker, extend, rollout)
    assert carry_out_rollout(worker, rollout) is Status.IN_PROGRESS
    assert step_of(worker, rollout, "analyse:5").answer is None

    ask(worker, advance, rollout, reason="the log is clean")
    assert carry_out_rollout(worker, rollout) is Status.IN_PROGRESS
    assert step_of(worker, rollout, "analyse:5").sentence == "anna goes on: the log is clean"
    assert answers == [None, "extend", "advance", None], "each is handed over once"
    assert shares(worker, rollout) == {BEFORE: 75, NEW: 25}

    ask(worker, advance, rollout)
    assert carry_out_rollout(worker, rollout) is Status.SUCCEEDED
    with worker.database.read() as session:
        kinds = session.exec(select(Event.kind).where(col(Event.kind).like("step.%_requested"))).all()
    assert sorted(kinds) == ["step.advance_requested", "step.advance_requested", "step.extend_requested"]


def test_what_waits_for_nobody_cannot_be_answered(worker: WorkerContext, rollout: str) -> None:
    for act in (advance, extend):
        with pytest.raises(Conflict) as refused:
            ask(worker, act, rollout)
        assert refused.value.code == "nothing_waits"
    with pytest.raises(Conflict) as refused:
        ask(worker, abort, rollout)
    assert refused.value.code == "nothing_to_abort"
    assert "release cancel" in str(refused.value.hint)


@pytest.mark.parametrize(("act", "ended"), [(abort, Status.ROLLED_BACK), (cancel, Status.CANCELLED)])
def test_what_people_end_midway_goes_back_first(
    worker: WorkerContext, rollout: str, hands: Hands, act: Any, ended: Status
) -> None:
    hands.acts["analyse"] = waits(worker)
    carry_out_rollout(worker, rollout)
    assert shares(worker, rollout) == {BEFORE: 95, NEW: 5}

    ask(worker, act, rollout, reason="callers complain")

    assert carry_out_rollout(worker, rollout) is ended
    assert shares(worker, rollout) == {BEFORE: 100}
    assert "by anna: callers complain. What was changed before was brought back." in state(worker, rollout).sentence
    assert len(holds(worker)) == (ended is Status.ROLLED_BACK)


def test_pause_keeps_the_shares_and_what_was_waited_for(worker: WorkerContext, rollout: str, hands: Hands) -> None:
    hands.acts["analyse"] = waits(worker)
    carry_out_rollout(worker, rollout)
    ask(worker, pause, rollout)
    assert carry_out_rollout(worker, rollout) is Status.PAUSED
    assert shares(worker, rollout) == {BEFORE: 95, NEW: 5}

    ask(worker, resume, rollout)

    assert carry_out_rollout(worker, rollout) is Status.IN_PROGRESS
    assert step_of(worker, rollout, "analyse:5").memory == {"kept": True}
    ask(worker, pause, rollout)
    carry_out_rollout(worker, rollout)
    ask(worker, abort, rollout)
    assert carry_out_rollout(worker, rollout) is Status.ROLLED_BACK
    assert shares(worker, rollout) == {BEFORE: 100}


def test_what_this_service_itself_breaks_goes_back(
    worker: WorkerContext, rollout: str, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands.acts["analyse"] = waits(worker)

    monkeypatch.setattr(rollout_module, "set_due", break_down)  # a bug where it begins to wait

    assert carry_out_rollout(worker, rollout) is Status.ROLLED_BACK

    assert shares(worker, rollout) == {BEFORE: 100}
    assert len(holds(worker)) == 1


def test_what_this_service_cannot_even_go_on_with_goes_back(
    worker: WorkerContext, rollout: str, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands.acts["analyse"] = waits(worker)
    carry_out_rollout(worker, rollout)
    real = begin_steps

    def broken(work: Any, tools: Any, release: Any, moved: Any, steps: Any) -> Any:
        if any(each.key.startswith("analyse") for each in steps):
            raise RuntimeError("nobody expected this")
        return real(work, tools, release, moved, steps)

    monkeypatch.setattr(rollout_module, "begin_steps", broken)  # a bug where it goes on with what waits
    ask(worker, advance, rollout)

    assert carry_out_rollout(worker, rollout) is Status.IN_PROGRESS  # to be carried on: the way back
    assert carry_out_rollout(worker, rollout) is Status.ROLLED_BACK
    assert shares(worker, rollout) == {BEFORE: 100}
    assert len(holds(worker)) == 1


def at_5(worker: WorkerContext, rollout: str, hands: Hands) -> None:
    """Have it wait in its first bake."""
    hands.acts["analyse"] = waits(worker)
    assert carry_out_rollout(worker, rollout) is Status.IN_PROGRESS
    assert shares(worker, rollout) == {BEFORE: 95, NEW: 5}


def freeze(worker: WorkerContext, rollout: str) -> None:
    """Its target, for the holidays."""
    with Work(worker.releasing, ANNA).transaction() as work:
        create(work, Wanted(reason="the holidays", model="churn", target=state(worker, rollout).target))


def frozen_midway(worker: WorkerContext, rollout: str, hands: Hands) -> None:
    """Have it wait in its first bake for a freeze to end."""
    at_5(worker, rollout, hands)
    ask(worker, pause, rollout)
    carry_out_rollout(worker, rollout)
    freeze(worker, rollout)
    ask(worker, resume, rollout)
    assert state(worker, rollout).status is Status.SCHEDULED


def break_down(*_: Any, **__: Any) -> None:
    """In place of what has a bug."""
    raise RuntimeError("nobody expected this")


def carry_on(worker: WorkerContext, rollout: str) -> Status:
    """Until it ends."""
    for _ in range(4):
        if carry_out_rollout(worker, rollout).is_final:
            break
    return state(worker, rollout).status


def lose_again_and_again(worker: WorkerContext, rollout: str) -> None:
    """Nobody drives it, no time is set at which it goes on, and it was queued anew in vain as often as may be."""
    with Work(worker.releasing, ANNA).transaction() as work:
        set_due(work, work.get_one(Rollout, rollout), None)
    for _ in range(MOST_WITH_LOSSES):
        with Work(worker.releasing, ANNA).transaction() as work:
            renew_attempt(work, work.get_one(Rollout, rollout))


def tamper(worker: WorkerContext, rollout: str) -> None:
    """Change its plan past the service, for a worker that has not read it yet."""
    with worker.database.write() as session:
        plan = session.get_one(StoredPlan, session.get_one(Rollout, rollout).plan_digest)
        plan.document = json.loads(json.dumps(plan.document).replace("churn-dev", "churn-mallory"))
        session.add(plan)


def test_what_is_queued_again_and_again_in_vain_goes_back(worker: WorkerContext, rollout: str, hands: Hands) -> None:
    at_5(worker, rollout, hands)
    lose_again_and_again(worker, rollout)

    Reconciliation(worker, restore_queues=lambda: None).look()

    assert carry_on(worker, rollout) is Status.ROLLED_BACK
    assert shares(worker, rollout) == {BEFORE: 100}
    assert len(holds(worker)) == 1


@pytest.mark.parametrize("broken", ["do_what_is_due", "enqueue_rollout"], ids=["in a bake", "behind a freeze"])
def test_what_cannot_go_on_when_its_time_has_come_goes_back(
    worker: WorkerContext, rollout: str, hands: Hands, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    (at_5 if broken == "do_what_is_due" else frozen_midway)(worker, rollout, hands)
    monkeypatch.setattr(timers_module, broken, break_down)
    with Work(worker.releasing, ANNA).transaction() as work:
        set_due(work, work.get_one(Rollout, rollout), work.now - timedelta(seconds=1))

    wake_rollout(worker, rollout)

    assert carry_on(worker, rollout) is Status.ROLLED_BACK
    assert shares(worker, rollout) == {BEFORE: 100}
    assert any("nobody expected this" in each for each in holds(worker))


@pytest.mark.parametrize(("act", "ended"), [(abort, Status.ROLLED_BACK), (cancel, Status.CANCELLED)])
def test_way_back_that_people_asked_for_and_that_failed_is_taken_again_by_a_retry(
    worker: WorkerContext, rollout: str, hands: Hands, act: Any, ended: Status
) -> None:
    at_5(worker, rollout, hands)

    def no(_context: Context) -> Done:
        raise Refused("Azure says no.", code="forbidden")

    hands.acts["restore_traffic"] = no
    ask(worker, act, rollout, reason="bad")
    assert carry_out_rollout(worker, rollout) is Status.FAILED
    del hands.acts["restore_traffic"]

    ask(worker, retry, rollout)

    assert carry_on(worker, rollout) is ended
    assert shares(worker, rollout) == {BEFORE: 100}


@pytest.mark.parametrize(
    ("first", "second", "code", "ended"),
    [
        (abort, cancel, "already_aborting", Status.ROLLED_BACK),
        (cancel, abort, "already_cancelling", Status.CANCELLED),
    ],
)
def test_what_was_asked_first_counts(
    worker: WorkerContext, rollout: str, hands: Hands, first: Any, second: Any, code: str, ended: Status
) -> None:
    at_5(worker, rollout, hands)
    ask(worker, first, rollout, reason="1")
    ask(worker, first, rollout, reason="once more")

    with pytest.raises(Conflict, match="brings its traffic back") as refused:
        ask(worker, second, rollout, reason="2")

    assert refused.value.code == code
    assert carry_on(worker, rollout) is ended
    assert shares(worker, rollout) == {BEFORE: 100}


def test_plan_that_was_changed_midway_is_not_carried_out_and_the_target_is_held_with_its_shares(
    worker: WorkerContext, rollout: str, hands: Hands
) -> None:
    at_5(worker, rollout, hands)
    tamper(worker, rollout)
    other = replace(worker, record=RecordCache())

    ask(worker, abort, rollout, reason="it looks odd")

    assert carry_on(other, rollout) is Status.FAILED
    ended = state(worker, rollout)
    assert ended.code == "plan_not_on_record"
    assert f"On record: {BEFORE} has 95%, {NEW} has 5%." in ended.sentence
    (reason,) = holds(worker)
    assert f"{NEW} has 5%" in reason


def test_plan_that_was_changed_while_it_is_paused_keeps_nothing_else_from_going_on(
    worker: WorkerContext, rollout: str, hands: Hands
) -> None:
    at_5(worker, rollout, hands)
    ask(worker, pause, rollout)
    carry_out_rollout(worker, rollout)
    tamper(worker, rollout)
    other = replace(worker, record=RecordCache())
    there, elsewhere = queue_rollout(other, target=state(other, rollout).target), queue_rollout(other)
    for each in other.queue.waiting_or_running():
        other.queue.drop(each)

    found = Reconciliation(other, restore_queues=lambda: None).look()

    assert found == [state(other, elsewhere).target]
    assert move_target(other, state(other, there).target) is None, "what has moved traffic keeps its target"
    with pytest.raises(Conflict) as refused:
        ask(other, resume, rollout)
    assert refused.value.code == "plan_not_on_record"
    ask(other, cancel, rollout)
    assert carry_on(other, rollout) is Status.FAILED
    assert f"{NEW} has 5%" in state(other, rollout).sentence
    assert len(holds(other)) == 1


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SCHEDULED])
def test_newer_one_waits_behind_one_that_is_to_go_on_midway(
    worker: WorkerContext, rollout: str, hands: Hands, status: Status
) -> None:
    at_5(worker, rollout, hands)
    ask(worker, pause, rollout)
    carry_out_rollout(worker, rollout)
    if status is Status.SCHEDULED:
        freeze(worker, rollout)
    ask(worker, resume, rollout)
    assert state(worker, rollout).status is status

    with Work(worker.releasing, ANNA).transaction() as work:
        older = work.get_one(Release, release_of(rollout))
        asked = Request("churn", older.definition_id, 1, read_source(older.source), ("dev",), job_id=older.job_id)
        (newer,) = plan_release(work, create_release(work, asked, mark="efgh"), CONTENT, [a_plan("dev")])
        advance_release(work, work.get_one(Release, newer.release_id))

    assert state(worker, rollout).status is status
    with worker.database.read() as session:
        assert under_way_at(session, state(worker, newer.id)) == rollout


def test_one_behind_a_freeze_midway_is_not_ended_as_one_that_waits_to_begin(
    worker: WorkerContext, rollout: str, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen_midway(worker, rollout, hands)
    in_vain = Closed(Status.FAILED, "soak_ended", "Does not serve in dev any more.")
    monkeypatch.setattr(advance_module, "soaked_in_vain", lambda *_: in_vain)

    with Work(worker.releasing, ANNA).transaction() as work:
        end_soaks_in_vain(work, work.get_one(Rollout, rollout))

    assert state(worker, rollout).status is Status.SCHEDULED
    ask(worker, abort, rollout)
    assert carry_on(worker, rollout) is Status.ROLLED_BACK
    assert shares(worker, rollout) == {BEFORE: 100}


def test_way_back_that_never_began_is_not_kept_by_the_hold_of_its_own_failure(
    worker: WorkerContext, rollout: str, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_5(worker, rollout, hands)

    with monkeypatch.context() as patched:
        patched.setattr(rollout_module, "begin_steps", break_down)
        ask(worker, abort, rollout)
        assert carry_on(worker, rollout) is Status.FAILED
    (reason,) = holds(worker)
    assert f"{NEW} has 5%. To bring back what served before: `mlrelease rollback churn dev`." in reason

    ask(worker, retry, rollout)

    assert carry_on(worker, rollout) is Status.ROLLED_BACK
    assert shares(worker, rollout) == {BEFORE: 100}


def test_where_not_even_a_hold_can_be_written_the_end_says_that_nothing_holds_it(
    worker: WorkerContext, rollout: str, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_5(worker, rollout, hands)

    monkeypatch.setattr(rollout_module, "begin_steps", break_down)
    monkeypatch.setattr(giving_up_module, "hold_after_failure", break_down)
    ask(worker, abort, rollout)

    assert carry_on(worker, rollout) is Status.FAILED
    assert "Its traffic may be split, and no hold keeps it" in state(worker, rollout).sentence


def test_waiting_one_whose_definition_was_changed_keeps_nobody_from_its_end(
    worker: WorkerContext, rollout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = queue_rollout(worker, target=state(worker, rollout).target)
    with Work(worker.releasing, ANNA).transaction() as work:
        row = work.get_one(Rollout, waiting)
        move_rollout(
            work, row, Status.PENDING_APPROVAL, code="waits_for_approval", sentence="Waiting for one approval."
        )

    def changed(*_: Any) -> None:
        raise Conflict("The event chain does not confirm version 1 of churn as it is.", code="definition_not_on_record")

    monkeypatch.setattr(asking_module, "renew_plan", changed)

    assert carry_out_rollout(worker, rollout) is Status.SUCCEEDED
    assert state(worker, waiting).code == "definition_not_on_record"


def test_way_back_that_failed_and_is_paused_before_its_next_try_never_goes_forward(
    worker: WorkerContext, rollout: str, hands: Hands
) -> None:
    def worse(_context: Context) -> Done:
        raise Refused("10 of the canary's 40 requests failed.", code="analysis_failed")

    hands.acts["analyse"] = hands.acts["restore_traffic"] = worse
    assert carry_out_rollout(worker, rollout) is Status.FAILED
    del hands.acts["restore_traffic"]

    for act in (retry, pause, resume):
        ask(worker, act, rollout)

    assert carry_on(worker, rollout) is Status.ROLLED_BACK
    assert shares(worker, rollout) == {BEFORE: 100}
    assert hands.seen.count("shift_traffic") == 1


def test_way_back_that_people_asked_for_is_not_paused(worker: WorkerContext, rollout: str, hands: Hands) -> None:
    at_5(worker, rollout, hands)

    def no(_context: Context) -> Done:
        raise Refused("Azure says no.", code="forbidden")

    hands.acts["restore_traffic"] = no
    ask(worker, abort, rollout, reason="bad")
    assert carry_out_rollout(worker, rollout) is Status.FAILED
    ask(worker, retry, rollout)

    with pytest.raises(Conflict) as refused:
        ask(worker, pause, rollout)

    assert refused.value.code == "rolling_back"


def test_where_it_has_no_live_traffic_nobody_is_told_to_go_back_further(
    worker: WorkerContext, rollout: str, hands: Hands
) -> None:
    def away(_context: Context) -> Done:
        raise Refused("Azure is away.", code="unavailable")

    hands.acts["shift_traffic"] = hands.acts["restore_traffic"] = away

    assert carry_out_rollout(worker, rollout) is Status.FAILED

    ended = state(worker, rollout)
    assert f"`mlrelease release retry {ended.release_id}`" in ended.sentence
    assert "mlrelease rollback" not in ended.sentence


def test_one_that_waits_midway_for_a_freeze_to_end_has_begun(worker: WorkerContext, rollout: str, hands: Hands) -> None:
    """So that going back means to what served before it, not before that."""
    frozen_midway(worker, rollout, hands)
    waits_there = state(worker, rollout)

    with worker.database.read() as session:
        assert has_begun_at(session, waits_there.target)
        assert moved_by(session, waits_there.target) == rollout


def test_what_reconciliation_gives_up_ends_also_where_no_hold_can_be_written(
    worker: WorkerContext, rollout: str, hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_5(worker, rollout, hands)
    ask(worker, abort, rollout, reason="bad")
    lose_again_and_again(worker, rollout)

    for each in worker.queue.waiting_or_running():
        worker.queue.drop(each)

    monkeypatch.setattr(giving_up_module, "hold_after_failure", break_down)

    Reconciliation(worker, restore_queues=lambda: None).look()

    ended = state(worker, rollout)
    assert ended.status is Status.FAILED
    assert "no hold keeps it" in ended.sentence
