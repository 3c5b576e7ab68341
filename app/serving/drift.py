"""What is on record of a target against what Azure has there. Pure.

What the record says nothing about is no drift: nor is what Azure adds by itself after it has made something, as properties, tags of its
own and defaults, or how it writes names.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

from app.planning.assets import same_asset
from app.planning.drift import Difference, DriftKind
from app.planning.observed import DeploymentFacts, EndpointFacts, Observed
from app.planning.tags import DIGEST_TAG, OWN_TAGS, RELEASE_TAG, SERVED_TAG


def differences(
    recorded: Observed, seen: Observed, *, planned: Collection[str] = (), stale_secrets: Collection[str] = ()
) -> tuple[Difference, ...]:
    """Everything in which a target differs from its record. ``seen`` without an endpoint: there is none.

    ``planned``: names of deployments that releases were to make there. What a failed one has left is none that nobody asked for.
    ``stale_secrets``: names of published secrets that do not hold any more.
    """
    if seen.endpoint is None:
        return (_missing_endpoint(recorded),)
    found = [
        *_endpoint(recorded.endpoint, seen.endpoint),
        *_shares(recorded, seen),
        *_deployments(recorded, seen, planned={name.lower() for name in planned}),
        *_secrets(seen.endpoint.name, stale_secrets),
    ]
    return tuple(found)


_ANSWERS_DIFFERENTLY = {
    DriftKind.MODEL,
    DriftKind.ENVIRONMENT,
    DriftKind.CODE,
    DriftKind.ENVIRONMENT_VARIABLES,
    DriftKind.SETTINGS,
    DriftKind.INSTANCE_TYPE,
}


def changes(recorded: DeploymentFacts, seen: DeploymentFacts) -> list[str]:
    """By what a deployment may answer otherwise than it did, or is another's. How many machines it has does not count."""
    what = f"deployment {seen.name}"
    found = [each for each in _deployment(seen.name, recorded, seen) if each.kind in _ANSWERS_DIFFERENTLY]
    for tag, was, is_ in (
        (RELEASE_TAG, recorded.release, seen.release),
        (DIGEST_TAG, recorded.digest, seen.digest),
    ):
        found += _field(DriftKind.TAGS, seen.name, what, tag, was, is_, same=_same)
    return [each.sentence for each in found]


def _missing_endpoint(recorded: Observed) -> Difference:
    name = recorded.endpoint.name if recorded.endpoint is not None else "of the target"
    sentence = f"Endpoint {name} no longer exists."
    return Difference(kind=DriftKind.MISSING_ENDPOINT, subject=name, recorded=name, sentence=sentence)


def _endpoint(recorded: EndpointFacts | None, seen: EndpointFacts) -> Iterator[Difference]:
    if recorded is None:
        return
    what = f"endpoint {seen.name}"
    fields = (
        (DriftKind.STATE, "provisioning state", recorded.state, seen.state),
        (DriftKind.AUTH_MODE, "auth_mode", recorded.auth_mode, seen.auth_mode),
        (
            DriftKind.NETWORK_ACCESS,
            "public_network_access",
            recorded.public_network_access,
            seen.public_network_access or "enabled",  # what Azure leaves out is so
        ),
        (DriftKind.IDENTITY, "identity", recorded.identity, seen.identity),
    )
    for kind, field, was, is_ in fields:
        yield from _field(kind, seen.name, what, field, was, is_, same=_same_word)
    yield from _named(DriftKind.TAGS, seen.name, what, "tag", _tags(recorded.tags, seen.tags))


def _shares(recorded: Observed, seen: Observed) -> Iterator[Difference]:
    assert seen.endpoint is not None, "what is not there has no traffic"
    for kind, word, was, is_ in (
        (DriftKind.TRAFFIC, "traffic", recorded.traffic, seen.traffic),
        (DriftKind.MIRROR_TRAFFIC, "mirror traffic", recorded.mirror, seen.mirror),
    ):
        if was is None or is_ is None or _live(was) == _live(is_):
            continue
        sentence = f"The {word} of {seen.endpoint.name} is {shown(is_)}, recorded is {shown(was)}."
        yield Difference(kind=kind, subject=seen.endpoint.name, recorded=_live(was), seen=_live(is_), sentence=sentence)


def _deployments(recorded: Observed, seen: Observed, *, planned: Collection[str]) -> Iterator[Difference]:
    was = {each.name.lower(): each for each in recorded.deployments}
    is_ = {each.name.lower(): each for each in seen.deployments}
    for name in sorted({*was, *is_}):
        if name not in is_:
            sentence = f"Deployment {name} no longer exists."
            yield Difference(kind=DriftKind.MISSING_DEPLOYMENT, subject=name, recorded=name, sentence=sentence)
        elif name in was:
            yield from _deployment(name, was[name], is_[name])
        elif name not in planned:
            sentence = f"Deployment {name} was made by somebody else."
            yield Difference(kind=DriftKind.UNKNOWN_DEPLOYMENT, subject=name, seen=name, sentence=sentence)


def _deployment(name: str, was: DeploymentFacts, is_: DeploymentFacts) -> Iterator[Difference]:
    what = f"deployment {name}"
    fields: tuple[tuple[DriftKind, str, str | int | None, str | int | None, _Same], ...] = (
        (DriftKind.STATE, "provisioning state", was.state, is_.state, _same_word),
        (DriftKind.MODEL, "model", was.model, is_.model, _same_id),
        (DriftKind.ENVIRONMENT, "environment", was.environment, is_.environment, _same_id),
        (DriftKind.CODE, "code", was.code, is_.code, _same_id),
        (DriftKind.CODE, "scoring_script", was.scoring_script, is_.scoring_script, _same),
        (DriftKind.INSTANCE_TYPE, "instance_type", was.instance_type, is_.instance_type, _same_word),
        (DriftKind.INSTANCE_COUNT, "instance_count", was.instance_count, is_.instance_count, _same),
    )
    for kind, field, before, now, same in fields:
        yield from _field(kind, name, what, field, before, now, same=same)
    yield from _named(DriftKind.TAGS, name, what, "tag", _tags(was.tags, is_.tags))
    known = {key: (value, is_.settings.get(key)) for key, value in was.settings.items()}
    yield from _named(DriftKind.SETTINGS, name, what, "setting", known)
    if was.environment_variables is not None and is_.environment_variables is not None:
        variables = _both(was.environment_variables, is_.environment_variables)
        yield from _named(DriftKind.ENVIRONMENT_VARIABLES, name, what, "environment variable", variables)


def _secrets(endpoint: str, stale: Collection[str]) -> Iterator[Difference]:
    if stale:
        names = sorted(stale)
        sentence = f"The published secrets {', '.join(names)} do not match {endpoint} any more."
        yield Difference(kind=DriftKind.SECRETS, subject=endpoint, seen=tuple(names), sentence=sentence)


_Same = Callable[[str | int | None, str | int | None], bool]


def _field(
    kind: DriftKind, subject: str, what: str, field: str, was: str | int | None, is_: str | int | None, *, same: _Same
) -> Iterator[Difference]:
    if was is None or same(was, is_):
        return
    sentence = f"{field} of {what} is {_word(is_)}, recorded is {_word(was)}."
    yield Difference(kind=kind, subject=subject, recorded=was, seen=is_, sentence=sentence)


def _named(
    kind: DriftKind, subject: str, what: str, word: str, both: Mapping[str, tuple[str | None, str | None]]
) -> Iterator[Difference]:
    """One difference for all of them: their names, and each value before and now."""
    changed = {key: pair for key, pair in sorted(both.items()) if pair[0] != pair[1]}
    if not changed:
        return
    said = f"{word}{'s' if len(changed) > 1 else ''} {', '.join(changed)}"
    yield Difference(
        kind=kind,
        subject=subject,
        recorded={key: was for key, (was, _) in changed.items()},
        seen={key: is_ for key, (_, is_) in changed.items()},
        sentence=f"Changed at {what}: {said}.",
    )


def _both(was: Mapping[str, str], is_: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    return {key: (was.get(key), is_.get(key)) for key in {*was, *is_}}


def _tags(was: Mapping[str, str], is_: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """Those that are on record, and whatever looks like one of ours. What served before is written with the traffic."""
    return {
        key: pair
        for key, pair in _both(was, is_).items()
        if key != SERVED_TAG and (key in was or key.startswith(OWN_TAGS))
    }


def shown(shares: Mapping[str, int]) -> str:
    """E.g. ``blue 90%, green 10%``."""
    return ", ".join(f"{name} {share}%" for name, share in sorted(_live(shares).items())) or "none"


def _live(shares: Mapping[str, int]) -> dict[str, int]:
    return {name.lower(): share for name, share in shares.items() if share}


def _same(was: str | int | None, is_: str | int | None) -> bool:
    return was == is_


def _same_word(was: str | int | None, is_: str | int | None) -> bool:
    return str(was).lower() == str(is_).lower()


def _same_id(was: str | int | None, is_: str | int | None) -> bool:
    return same_asset(None if was is None else str(was), None if is_ is None else str(is_))


def _word(value: str | int | None) -> str:
    return "none" if value is None else str(value)
