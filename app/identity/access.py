"""Who has access and what they may do, by ``access.yml``: from a caller's claims to an actor."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.errors import Unauthenticated
from app.identity.actor import Actor, Via
from app.identity.names import is_name
from app.identity.roles import Grant

Claims = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """Whoever's claims match is in these groups and has these grants."""

    match: Mapping[str, frozenset[str]]
    groups: frozenset[str]
    grants: tuple[Grant, ...]

    def matches(self, claims: Claims) -> bool:
        """Whether every claim has one of the values. Compared exactly, without wildcards."""
        return all(wanted & _words(claims.get(claim)) for claim, wanted in self.match.items())


@dataclass(frozen=True)
class Issuer:
    """An issuer of tokens that this service trusts."""

    name: str
    url: str
    audiences: tuple[str, ...]
    name_claim: str = "sub"
    name_prefix: str = ""
    rules: tuple[Rule, ...] = ()
    login_client: str | None = None  # the audience of what it says of those who log in to the portal

    @property
    def claims(self) -> frozenset[str]:
        """The claims that decide a caller's name, groups and grants."""
        return frozenset({self.name_claim, "email_verified"}).union(*(rule.match for rule in self.rules))


@dataclass(frozen=True)
class Person:
    """A person, whatever way they log in."""

    name: str
    also: frozenset[str] = frozenset()
    slack: str | None = None
    teams: str | None = None
    groups: frozenset[str] = frozenset()
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True)
class Login:
    """The issuer of the portal's logins."""

    issuer: Issuer
    client_id: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Access:
    """The whole of ``access.yml``."""

    issuers: tuple[Issuer, ...] = ()
    people: tuple[Person, ...] = ()
    login: Login | None = None

    def issuer(self, url: object) -> Issuer:
        """The issuer that a token names. Raises Unauthenticated for one that access.yml does not list."""
        found = next((each for each in self.issuers if each.url == url), None)
        if found is None:
            raise Unauthenticated(
                "The token's issuer is unknown.",
                code="issuer_unknown",
                hint="access.yml lists the known issuers.",
            )
        return found

    def actor_of_claims(self, issuer: str, claims: Claims, *, via: Via, request_id: str | None = None) -> Actor:
        """The actor with these verified claims. Raises Unauthenticated when they have no usable name."""
        source = self.issuer(issuer)
        name = self._name(source, claims)
        person = self.person(name)
        matched = [rule for rule in source.rules if rule.matches(claims)]
        groups = person.groups.union(*(rule.groups for rule in matched))
        grants = (*person.grants, *(grant for rule in matched for grant in rule.grants))
        return Actor(person.name, via, request_id, groups, grants)

    def actor_of_token(self, name: str, grants: Iterable[Grant], *, request_id: str | None = None) -> Actor:
        """The holder of an API token: with the person's groups, and the token's grants only."""
        person = self.person(name)
        return Actor(person.name, "api", request_id, person.groups, tuple(grants))

    def actor_of_chat(
        self, system: Literal["slack", "teams"], user: str, *, request_id: str | None = None
    ) -> Actor | None:
        """The person with this chat account; None: unknown."""
        found = next((each for each in self.people if user and getattr(each, system) == user), None)
        return Actor(found.name, "chat", request_id, found.groups, found.grants) if found else None

    def person(self, name: str) -> Person:
        """The person of that name or alias. One that the file does not list has no groups and no grants."""
        return next((each for each in self.people if name == each.name or name in each.also), Person(name))

    def _name(self, issuer: Issuer, claims: Claims) -> str:
        written = claims.get(issuer.name_claim)
        # ASCII before lower case: the Kelvin sign, for one, becomes a k.
        if (
            not isinstance(written, str)
            or not written.isascii()
            or not is_name(name := issuer.name_prefix + written.lower())
        ):
            raise Unauthenticated(
                f"The token's claim {issuer.name_claim!r} is not a valid name.",
                code="name_invalid",
                hint="Set name_claim in access.yml to another claim.",
            )
        if issuer.name_claim == "email" and claims.get("email_verified") is False:
            raise Unauthenticated("The issuer has not verified this email address.", code="email_not_verified")
        others = (each.name_prefix for each in self.issuers if each.name_prefix and each != issuer)
        if not issuer.name_prefix and name.startswith(tuple(others)):
            raise Unauthenticated(
                f"The name {name!r} could be a name of another issuer.",
                code="name_of_another_issuer",
                hint="Set name_prefix of this issuer in access.yml.",
            )
        return name


def _words(claim: object) -> frozenset[str]:
    """A claim's values as text."""
    match claim:
        case None:
            return frozenset()
        case bool():
            return frozenset({"true" if claim else "false"})
        case str() | int() | float():
            return frozenset({str(claim)})
        case list():
            return frozenset(str(each) for each in claim if isinstance(each, str | int) and not isinstance(each, bool))
    return frozenset()
