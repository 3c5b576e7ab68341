"""What must hold however often something was killed: nothing lost, nothing twice, nothing left behind."""

from collections import Counter
from collections.abc import Sequence
from functools import partial

from sqlmodel import Session, col, select

from app.events.chain import verify_chain
from app.events.tables import Event, EventHead
from app.serving.tables import Deployed, TrafficShare
from tests.topology import PROVIDER, Team, Topology


def twice(topology: Topology, team: Team, releases: Sequence[str]) -> list[str]:
    """Everything that there is more than once, or other than it should be, after these releases of one content."""
    return [
        *_steps_done_twice(topology, releases),
        *_models(topology, team),
        *_serving(topology, team, releases),
        *_operations(topology, team),
        *_record_beside_azure(topology, team),
        *_holds(topology, team, releases),
    ]


def in_order(topology: Topology, team: Team, release: str, *, serves: str) -> list[str]:
    """As ``twice``, of one release with gradual traffic, which may have gone back: ``serves`` is the deployment that has all of it."""
    ended = topology.release(release)
    done = Counter(event.subject for event in topology.events(release) if event.kind == "step.succeeded")
    (rollout,) = ended["rollouts"]
    wrong = []
    for step in rollout["steps"]:
        subject = f"{release}:{rollout['stage']}:{step['key']}"
        if done[subject] != (step["status"] == "succeeded"):
            wrong.append(f"{subject} succeeded {done[subject]} times and is {step['status']}")
        if step["status"] not in {"succeeded", "failed", "skipped", "cancelled"}:
            wrong.append(f"{subject} is {step['status']}")
    endpoint = f"workspaces/ws-dev/onlineEndpoints/{team.model}-dev"
    properties = topology.azure(endpoint)["properties"]
    shares = {name: share for name, share in properties["traffic"].items() if share}
    copies = {name: share for name, share in (properties.get("mirrorTraffic") or {}).items() if share}
    if shares != {serves: 100} or copies:
        wrong.append(f"{endpoint} has traffic {shares} and copies {copies}, wanted is all to {serves}")
    held = topology.ask_api("GET", f"/v1/freezes?model={team.model}")["items"]
    if len(held) != (ended["status"] == "rolled_back"):
        wrong.append(f"{team.model} has holds {[each['reason'] for each in held]} after {release} is {ended['status']}")
    return [*wrong, *_models(topology, team), *_operations(topology, team), *_record_beside_azure(topology, team)]


def count_chain(topology: Topology) -> int:
    """The number of events in the unbroken chain. Raises Conflict when it is broken."""

    def walk(session: Session) -> int:
        events = session.exec(select(Event).order_by(col(Event.seq))).all()
        return verify_chain(events, head=session.exec(select(EventHead)).one())

    counted: int = topology.read(walk)
    return counted


def _steps_done_twice(topology: Topology, releases: Sequence[str]) -> list[str]:
    wrong = []
    for release in releases:
        done = Counter(event.subject for event in topology.events(release) if event.kind == "step.succeeded")
        rollouts = topology.release(release)["rollouts"]
        steps = [f"{release}:{each['stage']}:{step['key']}" for each in rollouts for step in each["steps"]]
        wrong += [f"{step} succeeded {done[step]} times" for step in steps if done[step] != 1]
        wrong += [f"{step} is no step of {release}" for step in done.keys() - set(steps)]
    return wrong


def _models(topology: Topology, team: Team) -> list[str]:
    wrong = []
    places = ["workspaces/ws-dev"]
    if "prod" in team.stages:
        places.append("registries/reg-shared")
    for place in places:
        versions = _names(topology, f"{place}/models/{team.model}/versions")
        if len(versions) != 1:
            wrong.append(f"{place} has versions {versions} of {team.model}")
    if "prod" in team.stages:
        versions = _names(topology, f"registries/reg-shared/environments/{team.environment}/versions")
        if len(versions) != 1:
            wrong.append(f"the registry has versions {versions} of {team.environment}")
    return wrong


def _serving(topology: Topology, team: Team, releases: Sequence[str]) -> list[str]:
    """What the last one brought serves alone, what served before it stays warm, and there is nothing else."""
    wrong = []
    for stage in team.stages:
        endpoint = f"workspaces/ws-{stage}/onlineEndpoints/{team.model}-{stage}"
        rollouts = [
            each for release in releases for each in topology.release(release)["rollouts"] if each["stage"] == stage
        ]
        brought = [
            each["deployment"] for each in rollouts if each["deployment"] is not None
        ]  # an adoption brings nothing
        wanted = [*dict.fromkeys(reversed(brought))][:2][::-1]
        there = _names(topology, f"{endpoint}/deployments")
        if sorted(there) != sorted(wanted):
            wrong.append(f"{endpoint} has {there}, wanted is {wanted}")
        traffic = topology.azure(endpoint)["properties"]["traffic"]
        if {name: share for name, share in traffic.items() if share} != {wanted[-1]: 100}:
            wrong.append(f"{endpoint} has traffic {traffic}, wanted is all to {wanted[-1]}")
    return wrong


def _holds(topology: Topology, team: Team, releases: Sequence[str]) -> list[str]:
    """A rollback leaves its target on hold, once."""
    wanted = sum(topology.release(release)["purpose"] == "rollback" for release in releases)
    held = [each["reason"] for each in topology.ask_api("GET", f"/v1/freezes?model={team.model}")["items"]]
    return [] if len(held) == wanted else [f"{team.model} has holds {held}, wanted are {wanted}"]


def _record_beside_azure(topology: Topology, team: Team) -> list[str]:
    """The serving record says of each endpoint what Azure shows there: its deployments, and their shares of the traffic."""
    wrong = []
    for stage in team.stages:
        name = f"{team.model}-{stage}"
        endpoint = f"workspaces/ws-{stage}/onlineEndpoints/{name}"
        there = {each.lower() for each in _names(topology, f"{endpoint}/deployments")}
        traffic = topology.azure(endpoint)["properties"]["traffic"]
        deployed, shares = topology.read(partial(_recorded, endpoint=name))
        if deployed != there:
            wrong.append(f"{endpoint} has {sorted(there)}, on record are {sorted(deployed)}")
        if shares != {each.lower(): share for each, share in traffic.items() if share}:
            wrong.append(f"{endpoint} has traffic {traffic}, on record is {shares}")
    return wrong


def _recorded(session: Session, endpoint: str) -> tuple[set[str], dict[str, int]]:
    """The deployments that are on record at an endpoint now, and the live traffic of those that have some."""
    here = f"/{endpoint}".lower()
    deployed = select(Deployed).where(col(Deployed.target).endswith(here), col(Deployed.until).is_(None))
    shares = select(TrafficShare).where(col(TrafficShare.target).endswith(here), col(TrafficShare.to_at).is_(None))
    return (
        {each.name for each in session.exec(deployed)},
        {each.deployment: each.weight for each in session.exec(shares) if each.weight},
    )


def _operations(topology: Topology, team: Team) -> list[str]:
    """Each thing was made once, and nothing goes on any more."""
    wrong = []
    made = Counter[str]()
    for each in topology.control("GET", "operations"):
        if f"/{team.model}" not in each["resource"] and f"/{team.environment}/" not in each["resource"]:
            continue
        if each["status"] == "InProgress":
            wrong.append(f"{each['kind']} of {each['resource']} still goes on")
        # Not shares: one that is under way cannot be seen, so whoever goes on begins it again, to the same version with the same
        # content. What counts is that the registry has it once.
        if each["kind"] in {"oeidp", "odidp", "odidp-delete"}:
            made[f"{each['kind']} of {each['resource']}"] += 1
    return wrong + [f"{what} was begun {number} times" for what, number in made.items() if number > 1]


def _names(topology: Topology, listing: str) -> list[str]:
    path = f"/mferp/managementfrontend{PROVIDER}/{listing}" if listing.startswith("registries/") else listing
    return [each["name"] for each in topology.azure(path)["value"]]
