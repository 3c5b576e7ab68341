"""What a plan does when something fails: carried out for real, with kinds of steps that exist here only."""

import pytest
from sqlmodel import col, select

from app.azureml.errors import NotPermitted
from app.errors import Conflict
from app.events.tables import Event
from app.execution.context import WorkerContext
from app.execution.rollout import carry_out_rollout
from app.identity.actor import Actor
from app.identity.roles import Grant, Role
from app.planning.budget import Budget
from app.planning.ids import release_of
from app.planning.kinds import KINDS, StepConfig
from app.planning.sources import read_source
from app.planning.steps import On, PlannedStep
from app.releases.at_target import whose_turn
from app.releases.attempts import begin_attempt
from app.releases.planning import plan_release
from app.releases.queries import get_rollout, steps_of
from app.releases.service import Request, create_release
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.control import cancel, pause, resume, retry
from app.releasing.work import Work
from app.steps.contract import Context, Done, Refused
from tests.execution.instant import hands, worker
from tests.instant import Hands
from tests.planning.examples import CONTENT, a_plan
from tests.releases.conftest import planned

__all__ = ["hands", "planned", "worker"]

ANNA = Actor(name="anna", via="cli", grants=(Grant(Role.ADMIN),))


class Move(StepConfig):
    """Moves a share of the traffic, if there were any."""

    kind = "move"
    goal = "a share has moved"
    minutes = 1
    budget = Budget(tries=1)

    percent: int


class Restore(StepConfig):
    """Moves it back."""

    kind = "restore"
    goal = "it is as it was"
    minutes = 1


class TidyUp(StepConfig):
    """Removes what is in the way, whatever happened."""

    kind = "tidy_up"
    goal = "nothing is left"
    minutes = 1


STEPS = (
    PlannedStep.of(Move(percent=10), key="move:10"),
    PlannedStep.of(Move(percent=100), key="move:100", needs=("move:10",)),
    PlannedStep.of(TidyUp(), on=On.ALWAYS, needs=("move:100",)),
    PlannedStep.of(Restore(), on=On.FAILURE, needs=("move:10",)),
    PlannedStep.of(Restore(), key="restore:checked", on=On.FAILURE, needs=("restore",)),
)


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Move, Restore, TidyUp):
        monkeypatch.setitem(KINDS, kind.kind, kind)


@pytest.fixture
def tools(worker: WorkerContext, hands: Hands) -> WorkerContext:
    """A worker that knows these kinds, too."""
    assert isinstance(worker.steps, dict)
    worker.steps.update({kind: hands.step(kind) for kind in (Move.kind, Restore.kind, TidyUp.kind)})
    return worker


@pytest.fixture
def rollout(tools: WorkerContext, planned: str) -> str:
    """The id of one that is queued, and does what is written above."""
    with Work(tools.releasing, ANNA).transaction() as work:
        first = work.get_one(Release, planned)
        asked = Request("churn", first.definition_id, 1, read_source(first.source), ("dev",), job_id=first.job_id)
        release = create_release(work, asked, mark="abcd")
        (rollout,) = plan_release(work, release, CONTENT, [a_plan("dev", steps=STEPS)])
        begin_attempt(work, rollout)
        return rollout.id


def statuses(worker: WorkerContext, rollout: str) -> dict[str, str]:
    with worker.database.read() as session:
        return {step.key: step.status.value for step in steps_of(session, rollout)}


def moves(worker: WorkerContext, rollout: str) -> list[str]:
    """What the rollout went through, as its events say."""
    with worker.database.read() as session:
        kinds = select(Event.kind).where(Event.subject == rollout).order_by(col(Event.seq))
        return [each.removeprefix("rollout.") for each in session.exec(kinds).all() if each.startswith("rollout.")]


def refusing(hands: Hands, *, move: int) -> None:
    """The move of this number fails."""

    def act(_context: Context) -> Done:
        if hands.seen.count(Move.kind) == move:
            raise Refused("The canary is worse.", code="analysis_failed")
        return Done("Moved.", {"before": 0})

    hands.acts[Move.kind] = act


def test_where_nothing_fails_nothing_is_brought_back(tools: WorkerContext, rollout: str, hands: Hands) -> None:
    assert carry_out_rollout(tools, rollout) is Status.SUCCEEDED

    assert hands.seen == ["move", "move", "tidy_up"]
    assert statuses(tools, rollout) == {
        "move:10": "succeeded",
        "move:100": "succeeded",
        "tidy_up": "succeeded",
        "restore": "skipped",
        "restore:checked": "skipped",
    }


def test_after_a_failure_what_was_changed_is_brought_back(tools: WorkerContext, rollout: str, hands: Hands) -> None:
    refusing(hands, move=2)

    assert carry_out_rollout(tools, rollout) is Status.ROLLED_BACK

    assert moves(tools, rollout) == ["queued", "in_progress", "rolling_back", "rolled_back"]
    assert sorted(hands.seen) == ["move", "move", "restore", "restore", "tidy_up"]
    assert statuses(tools, rollout) == {
        "move:10": "succeeded",
        "move:100": "failed",
        "tidy_up": "succeeded",
        "restore": "succeeded",
        "restore:checked": "succeeded",
    }
    with tools.database.read() as session:
        found = get_rollout(session, release_of(rollout), "dev")
        assert (found.code, session.get_one(Release, found.release_id).status) == (
            "analysis_failed",
            Status.ROLLED_BACK,
        )
        assert "The canary is worse." in found.sentence
        assert "brought back" in found.sentence


def test_way_back_has_the_outputs_of_what_had_succeeded(tools: WorkerContext, rollout: str, hands: Hands) -> None:
    refusing(hands, move=2)
    seen: list[dict[str, object]] = []

    def restore(context: Context) -> Done:
        seen.append(dict(context.outputs))
        return Done("Restored.", {"after": 0})

    hands.acts[Restore.kind] = restore

    carry_out_rollout(tools, rollout)

    assert seen == [{"move:10": {"before": 0}}, {"restore": {"after": 0}}]


def test_way_back_that_fails_is_taken_again_by_a_retry(tools: WorkerContext, rollout: str, hands: Hands) -> None:
    refusing(hands, move=1)

    def stuck(_context: Context) -> Done:
        raise NotPermitted("May not.")

    hands.acts[Restore.kind] = stuck
    assert carry_out_rollout(tools, rollout) is Status.FAILED
    with tools.database.read() as session:
        assert "could not be brought back" in get_rollout(session, release_of(rollout), "dev").sentence

    del hands.acts[Restore.kind]
    with Work(tools.releasing, ANNA).transaction() as work:
        retry(work, release_of(rollout))

    assert carry_out_rollout(tools, rollout) is Status.ROLLED_BACK
    assert hands.seen.count(Move.kind) == 1
    assert statuses(tools, rollout)["move:10"] == "failed"


@pytest.mark.parametrize("ask", [cancel, pause])
def test_way_back_is_neither_cancelled_nor_paused(
    tools: WorkerContext, rollout: str, hands: Hands, ask: object
) -> None:
    refusing(hands, move=2)
    refused: list[str] = []

    def restore(context: Context) -> Done:
        with pytest.raises(Conflict) as no, Work(tools.releasing, ANNA).transaction() as work:
            (cancel if ask is cancel else pause)(work, context.release)
        refused.append(no.value.code)
        context.checkpoint()
        return Done("Restored.")

    hands.acts[Restore.kind] = restore

    assert carry_out_rollout(tools, rollout) is Status.ROLLED_BACK
    assert len(refused) == 2


def test_what_fails_while_it_is_being_cancelled_is_brought_back_all_the_same(
    tools: WorkerContext, rollout: str, hands: Hands
) -> None:
    def act(context: Context) -> Done:
        with Work(tools.releasing, ANNA).transaction() as work:
            cancel(work, context.release)
        raise Refused("No.")

    hands.acts[Move.kind] = act

    assert carry_out_rollout(tools, rollout) is Status.ROLLED_BACK
    assert moves(tools, rollout) == ["queued", "in_progress", "cancelling", "rolling_back", "rolled_back"]


def cancelling(hands: Hands, tools: WorkerContext) -> None:
    """The second move is cancelled while it is carried out."""

    def act(context: Context) -> Done:
        if hands.seen.count(Move.kind) == 2:
            with Work(tools.releasing, ANNA).transaction() as work:
                cancel(work, context.release)
        return Done("Moved.", {"before": 0})

    hands.acts[Move.kind] = act


PLAN_WITH_MORE = (*STEPS[:2], PlannedStep.of(Move(percent=100), key="move:more", needs=("move:100",)), STEPS[3])


def _ask_with(tools: WorkerContext, planned: str, steps: tuple[PlannedStep, ...]) -> str:
    with Work(tools.releasing, ANNA).transaction() as work:
        first = work.get_one(Release, planned)
        asked = Request("churn", first.definition_id, 1, read_source(first.source), ("dev",), job_id=first.job_id)
        release = create_release(work, asked, mark="abcd")
        (rollout,) = plan_release(work, release, CONTENT, [a_plan("dev", steps=steps)])
        begin_attempt(work, rollout)
        return rollout.id


def test_what_is_cancelled_midway_is_brought_back_and_is_not_retried(
    tools: WorkerContext, planned: str, hands: Hands
) -> None:
    rollout = _ask_with(tools, planned, PLAN_WITH_MORE)
    cancelling(hands, tools)

    def restore(context: Context) -> Done:
        context.wait(1.2)  # longer than until it looks at what was asked
        return Done("Restored.")

    hands.acts[Restore.kind] = restore

    assert carry_out_rollout(tools, rollout) is Status.CANCELLED
    assert moves(tools, rollout) == ["queued", "in_progress", "cancelling", "rolling_back", "cancelled"]
    assert statuses(tools, rollout)["restore"] == "succeeded"
    with pytest.raises(Conflict) as no, Work(tools.releasing, ANNA).transaction() as work:
        retry(work, release_of(rollout))
    assert no.value.code == "went_back"


def test_cancelled_one_that_could_not_be_brought_back_has_failed_and_a_retry_only_goes_back(
    tools: WorkerContext, planned: str, hands: Hands
) -> None:
    rollout = _ask_with(tools, planned, PLAN_WITH_MORE)
    cancelling(hands, tools)

    def stuck(_context: Context) -> Done:
        raise NotPermitted("May not.")

    hands.acts[Restore.kind] = stuck
    assert carry_out_rollout(tools, rollout) is Status.FAILED
    with tools.database.read() as session:
        assert "could not be brought back" in get_rollout(session, release_of(rollout), "dev").sentence

    del hands.acts[Restore.kind]
    with Work(tools.releasing, ANNA).transaction() as work:
        retry(work, release_of(rollout))
    assert carry_out_rollout(tools, rollout) is Status.CANCELLED
    assert hands.seen.count(Move.kind) == 2


@pytest.mark.parametrize("is_resumed", [False, True], ids=["paused", "queued-again"])
def test_one_that_stopped_midway_and_is_cancelled_then_is_brought_back(
    tools: WorkerContext, planned: str, hands: Hands, is_resumed: bool
) -> None:
    rollout = _ask_with(tools, planned, PLAN_WITH_MORE)

    def act(context: Context) -> Done:
        if hands.seen.count(Move.kind) == 1:
            with Work(tools.releasing, ANNA).transaction() as work:
                pause(work, context.release)
        return Done("Moved.")

    hands.acts[Move.kind] = act
    assert carry_out_rollout(tools, rollout) is Status.PAUSED
    other = _ask_with(tools, planned, PLAN_WITH_MORE)
    assert carry_out_rollout(tools, other) is Status.QUEUED, "what has moved traffic keeps its target"
    with tools.database.read() as session:
        assert whose_turn(session, session.get_one(Rollout, rollout).target) is None
    if is_resumed:
        with Work(tools.releasing, ANNA).transaction() as work:
            resume(work, release_of(rollout))
    with Work(tools.releasing, ANNA).transaction() as work:
        cancel(work, release_of(rollout))
    assert carry_out_rollout(tools, rollout) is Status.CANCELLED
    assert hands.seen.count(Restore.kind) == 1


def test_where_nothing_of_it_has_begun_nothing_is_brought_back(
    tools: WorkerContext, planned: str, hands: Hands
) -> None:
    first = PlannedStep.of(TidyUp(), key="check")
    move = PlannedStep.of(Move(percent=10), key="move:10", needs=("check",))
    rollout = _ask_with(tools, planned, (first, move, STEPS[3]))

    def refuse(_context: Context) -> Done:
        raise Refused("The answers are wrong.")

    hands.acts[TidyUp.kind] = refuse
    assert carry_out_rollout(tools, rollout) is Status.FAILED
    assert Restore.kind not in hands.seen
    assert statuses(tools, rollout)["restore"] == "skipped"
