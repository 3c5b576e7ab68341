"""The durable rollout: its steps in the order of their needs, independent ones side by side."""

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context

from dbos import DBOS
from sqlmodel import Session

from app.identity.actor import SERVICE
from app.releases.queries import lock_release, steps_of
from app.releases.service import move_rollout, skip_what_is_left
from app.releases.states import Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun
from app.rollout.order import Node, outcome, ready
from app.workflow.advance import advance_release, may_begin
from app.workflow.asking import ask_others_anew
from app.workflow.leftovers import read_leftovers, what_is_left
from app.workflow.names import CARRY_OUT_ROLLOUT
from app.workflow.step_runs import carry_out_step
from app.workflow.workshop import Workshop

# A plan as the engine keeps it: [id, key, [needs]] for each step.
Plan = list[tuple[str, str, list[str]]]


def register_rollout(shop: Workshop) -> None:
    """Make the workflow known to the engine. Before launch: a workflow that a worker does not know stays stuck in it."""

    @DBOS.workflow(name=CARRY_OUT_ROLLOUT, max_recovery_attempts=None)
    def carry_out_rollout(rollout_id: str) -> str:
        plan: Plan = DBOS.run_step({"name": "begin"}, begin_rollout, shop, rollout_id)
        nodes = [Node(id=step, key=key, needs=tuple(needs)) for step, key, needs in plan]
        # Step numbers are drawn in the plan's order, so that a replay gives each step the number that it had.
        numbers = {node.key: DBOS.reserve_step() for node in nodes}
        in_their_order(nodes, lambda node: numbers[node.key].run({"name": node.key}, carry_out_step, shop, node.id))
        return DBOS.run_step({"name": "finish"}, finish_rollout, shop, rollout_id)


def begin_rollout(shop: Workshop, rollout_id: str) -> Plan:
    """Take the rollout out of the queue. An empty plan when there is nothing to do any more."""

    def work(session: Session) -> Plan:
        rollout = _locked(session, rollout_id)
        release, now = session.get_one(Release, rollout.release_id), shop.now()
        if rollout.status is Status.QUEUED and may_begin(session, shop.queue, release, rollout, actor=SERVICE, now=now):
            said = {"code": "in_progress", "sentence": "Under way."}
            move_rollout(session, rollout, Status.IN_PROGRESS, **said, actor=SERVICE, now=now)
        if rollout.status is not Status.IN_PROGRESS:
            return []
        return [(step.id, step.key, step.needs) for step in steps_of(session, rollout_id)]

    with shop.signals.act():
        return shop.write(work)


def in_their_order(nodes: list[Node], run: Callable[[Node], str]) -> dict[str, StepStatus]:
    """Run every step as soon as what it needs has succeeded; begin nothing more once one has not."""
    statuses: dict[str, StepStatus] = {}
    running: dict[Future[str], str] = {}
    if not nodes:
        return statuses
    with ThreadPoolExecutor(max_workers=len(nodes), thread_name_prefix="step") as pool:
        while True:
            for node in ready(nodes, statuses, set(running.values())):
                # The engine knows by the context which workflow a step belongs to.
                running[pool.submit(copy_context().run, run, node)] = node.key
            if not running:
                return statuses
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                statuses[running.pop(future)] = StepStatus(future.result())


def finish_rollout(shop: Workshop, rollout_id: str) -> str:
    """Add up the steps' ends; go on to the next stage. Carried out again it changes nothing."""
    with shop.signals.act():
        left = what_is_left(shop, shop.read(lambda session: read_leftovers(session, rollout_id)))
        return shop.write(lambda session: _finish(session, shop, rollout_id, left))


def _finish(session: Session, shop: Workshop, rollout_id: str, left: str) -> str:
    rollout = _locked(session, rollout_id)
    if rollout.status not in {Status.IN_PROGRESS, Status.CANCELLING}:
        return rollout.status.value
    release = session.get_one(Release, rollout.release_id)
    steps = steps_of(session, rollout_id)
    ended = outcome([step.status for step in steps], control=release.control)
    code, sentence = _why(ended, steps, rollout, left)
    now = shop.now()
    if ended is not Status.PAUSED:
        skip_what_is_left(session, rollout, because=f"Not reached: {sentence}", actor=SERVICE, now=now)
    move_rollout(session, rollout, ended, code=code, sentence=sentence, actor=SERVICE, now=now)
    if ended is Status.SUCCEEDED:
        advance_release(session, shop.queue, release, actor=SERVICE, now=now)
        ask_others_anew(session, shop.queue, rollout, actor=SERVICE, now=now)
    return ended.value


def _locked(session: Session, rollout_id: str) -> Rollout:
    """The rollout as it is now, with its release's row locked: whoever decides on it comes before or after."""
    lock_release(session, rollout_id.rpartition(":")[0])
    return session.get_one(Rollout, rollout_id, populate_existing=True)


def _why(ended: Status, steps: list[StepRun], rollout: Rollout, left: str) -> tuple[str, str]:
    if ended is Status.SUCCEEDED:
        return "released", f"{rollout.deployment} serves {rollout.endpoint}."
    if ended is Status.PAUSED:
        return "paused", f"Paused. {left}"
    broken = next((step for step in steps if step.status in {StepStatus.FAILED, StepStatus.ERRORED}), None)
    if broken is not None:
        return broken.code, f"{broken.key}: {broken.sentence}"
    return "cancelled", f"Cancelled. {left}"
