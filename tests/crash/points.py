"""The moments at which a process is killed: each is recognised by what can be seen, never by the clock."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.topology import JOB, Team, Topology

# What everything slow takes in Azure, so that "inside" is really inside. Longer where steps go on side by side: a kill inside one of
# them must find the other still there afterwards.
HOLD_SECONDS = 3.0
LONG_HOLD_SECONDS = 8.0
WAITING_KIND = "confirm_serving"  # of the step that waits before it does its work


@dataclass(frozen=True)
class Scene:
    """One release on its way."""

    topology: Topology
    team: Team
    release: str

    def endpoint(self, stage: str) -> str:
        return f"{self.team.model}-{stage}"


@dataclass(frozen=True)
class Point:
    """``reached`` tells whether the release is there, ``passed`` whether it never will be any more.

    ``fault``: the request that Azure holds up there, a pattern of its path.
    """

    name: str
    reached: Callable[[Scene], object]
    passed: Callable[[Scene], bool]
    fault: Callable[[Team], dict[str, str]] | None = None
    is_quiet: bool = False  # nobody does anything for the release there until its time has come


def slow_down(topology: Topology, team: Team, points: list[Point]) -> None:
    """Make Azure so slow that all of these points can be seen."""
    hold = HOLD_SECONDS
    topology.delay(
        endpoint=LONG_HOLD_SECONDS, share=LONG_HOLD_SECONDS, endpoint_update=hold, deployment=hold, delete=hold
    )
    for point in points:
        if point.fault is not None:
            topology.break_request(**point.fault(team), delay=hold)


def after(key: str, stage: str = "dev") -> Point:
    """At the boundary behind a step: its success is recorded, and no other one since."""
    subject = f":{stage}:{key}"

    def others_since(scene: Scene) -> bool:
        done = [event.subject for event in scene.topology.events(scene.release) if event.kind == "step.succeeded"]
        return any(each.endswith(subject) for each in done) and not done[-1].endswith(subject)

    return Point(f"after {key}", lambda scene: _has(scene, "step.succeeded", subject), others_since)


def between_stages() -> Point:
    return _at_event("between two stages", "rollout.succeeded", "rollout.in_progress", ":prod")


def waiting(stage: str = "dev") -> Point:
    """While a step waits: it has begun, and nobody is at it."""
    subject = f":{stage}:{WAITING_KIND}"

    def goes_on(scene: Scene) -> bool:
        kinds = [event.kind for event in scene.topology.events(scene.release) if event.subject.endswith(subject)]
        return "step.waiting" in kinds and kinds[-1] != "step.waiting"

    return Point("waiting", lambda scene: _has(scene, "step.waiting", subject), goes_on)


def in_change(key: str) -> Point:
    """While Azure changes the shares as a step of gradual traffic wants it."""
    subject = f":dev:{key}"
    return Point(
        f"in {key}",
        lambda scene: (
            _has(scene, "step.running", subject)
            and scene.topology.operations("oeidp-update", resource=scene.endpoint("dev"))
        ),
        lambda scene: _has(scene, "step.succeeded", subject),
    )


def baking(key: str) -> Point:
    """While an analysis waits for the end of its bake, or of a minute of it."""
    subject = f":dev:{key}"

    def waits(scene: Scene) -> bool:
        kinds = [event.kind for event in scene.topology.events(scene.release) if event.subject.endswith(subject)]
        return bool(kinds) and kinds[-1] == "step.waiting"

    return Point(f"baking in {key}", waits, lambda scene: _has_ended(scene, subject), is_quiet=True)


def answered(key: str, answer: str) -> Point:
    """Once a person has answered an analysis."""
    subject = f":dev:{key}"
    return Point(
        f"answered with {answer}",
        lambda scene: _has(scene, f"step.{answer}_requested", subject),
        lambda _: False,
    )


def aborted() -> Point:
    """Once a person has aborted it."""
    return Point("aborted", lambda scene: _has(scene, "release.abort_requested", ""), lambda _: False)


def in_probes(key: str) -> Point:
    """While golden requests are sent, at the end of a bake. The fault is for after the verification, which sends them, too."""
    found = in_verify()
    subject = f":dev:{key}"
    return Point(f"probing in {key}", found.reached, lambda scene: _has_ended(scene, subject), found.fault)


def queued() -> Point:
    return _at_event("waiting in the queue", "rollout.queued", "step.running", "")


def asked() -> Point:
    return _at_event("asked for", "release.created", "release.planned", "")


def in_prepare() -> Point:
    path = f"/jobs/{JOB}"

    def planned(scene: Scene) -> bool:
        return _has(scene, "release.planned", "")

    return Point("in prepare", _struck(lambda _: path), planned, lambda _: {"method": "GET", "path": path})


def in_look_back() -> Point:
    """While a rollback, revert or adoption is prepared: Azure is asked for the endpoint first."""

    def path(team: Team) -> str:
        return f"/onlineEndpoints/{team.model}-dev[?]"

    return Point(
        "in look back",
        _struck(path),
        lambda scene: _has(scene, "release.planned", ""),
        lambda team: {"method": "GET", "path": path(team)},
    )


def in_adopt() -> Point:
    return _in_request("adopt_target", "dev", "GET", lambda team: f"/onlineEndpoints/{team.model}-dev/deployments[?]")


def in_reuse() -> Point:
    return _in_request("reuse_deployment", "dev", "GET", lambda team: f"/onlineEndpoints/{team.model}-dev/deployments/")


def in_register() -> Point:
    return _in_request("register_model", "dev", "PUT", lambda team: f"/ws-dev/models/{team.model}/versions/")


def in_verify(stage: str = "dev") -> Point:
    return _in_request("verify_deployment", stage, "POST", lambda team: f"/inference/.*{team.model}-{stage}")


def in_publish(stage: str = "dev") -> Point:
    return _in_request("publish_secrets", stage, "GET", lambda team: f"/secrets/{team.model}-{stage}-primary-key")


def in_create_endpoint(stage: str = "dev") -> Point:
    return _in_operation("create_endpoint", stage, "oeidp", lambda scene: scene.endpoint(stage))


def in_create_deployment(stage: str = "dev") -> Point:
    return _in_operation("create_deployment", stage, "odidp", lambda scene: scene.endpoint(stage) + "/")


def in_shift(stage: str = "dev") -> Point:
    return _in_operation("shift_traffic", stage, "oeidp-update", lambda scene: scene.endpoint(stage))


def in_retire(stage: str = "dev") -> Point:
    return _in_operation("retire_deployments", stage, "odidp-delete", lambda scene: scene.endpoint(stage) + "/")


def in_share_model() -> Point:
    return _in_operation("share_model", "prod", "share", lambda scene: f"/models/{scene.team.model}/")


def in_share_environment() -> Point:
    return _in_operation("share_environment", "prod", "share", lambda scene: f"/environments/{scene.team.environment}/")


def _in_operation(key: str, stage: str, operation: str, resource: Callable[[Scene], str]) -> Point:
    """While Azure is at an operation that the step began."""
    return Point(
        f"in {key}",
        lambda scene: scene.topology.operations(operation, resource=resource(scene)),
        lambda scene: _has(scene, "step.succeeded", f":{stage}:{key}"),
    )


def _in_request(key: str, stage: str, method: str, path: Callable[[Team], str]) -> Point:
    """While Azure is at a request of the step."""
    return Point(
        f"in {key}",
        _struck(path),
        lambda scene: _has(scene, "step.succeeded", f":{stage}:{key}"),
        lambda team: {"method": method, "path": path(team)},
    )


def _struck(path: Callable[[Team], str]) -> Callable[[Scene], bool]:
    """The fault that delays the request has been used up."""

    def struck(scene: Scene) -> bool:
        return not any(each["path"] == path(scene.team) for each in scene.topology.faults())

    return struck


def _at_event(name: str, kind: str, next_kind: str, next_subject: str) -> Point:
    """From one event to the next."""
    return Point(name, lambda scene: _has(scene, kind, ""), lambda scene: _has(scene, next_kind, next_subject))


def _has(scene: Scene, kind: str, subject: str) -> bool:
    return any(event.kind == kind and event.subject.endswith(subject) for event in scene.topology.events(scene.release))


def _has_ended(scene: Scene, subject: str) -> bool:
    return any(_has(scene, kind, subject) for kind in ("step.succeeded", "step.failed", "step.errored"))
