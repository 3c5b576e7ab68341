"""Reading ``access.yml``, once and strictly; every mistake is reported at once."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.documents.config_file import read_config_file, repeated
from app.documents.named import Named
from app.documents.yaml_lines import Document, Place
from app.errors import Mistake
from app.identity.access import Access, Issuer, Login, Person, Rule
from app.identity.names import PersonName
from app.identity.roles import Grant, Role
from app.settings import is_loopback

Text = Annotated[str, Field(min_length=1, max_length=1000)]


class Section(BaseModel):
    """A mapping without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class GrantSection(Section):
    """A role, for some models or for all."""

    role: Role
    """viewer, requester, approver, operator or admin."""
    models: list[Text] | None = Field(default=None, min_length=1)
    """Absent: for all models."""

    def grants(self) -> tuple[Grant, ...]:
        return tuple(Grant(self.role, model) for model in self.models) if self.models else (Grant(self.role),)


class RuleSection(Section):
    """Whoever's token has these claims is in these groups and has these grants."""

    match: dict[str, Text | list[Text]] = Field(min_length=1)
    """Claims and their values, compared exactly; of a claim that is a list, one of its entries."""
    groups: list[Text] = []
    grants: list[GrantSection] = []


class IssuerSection(Section):
    """An issuer of tokens that this service trusts."""

    name: Text
    """What `login` calls it."""
    issuer: Text
    """Exactly as tokens have it in `iss`."""
    audience: Text | list[Text]
    """What `aud` must be, or hold."""
    name_claim: Text = "sub"
    """The claim that names the caller."""
    name_prefix: Annotated[
        str, Named(r"^[a-z0-9:/._-]{0,50}$", "a prefix: at most 50 lower-case letters, digits and `: / . _ -`")
    ] = ""
    """Put before the name: keeps this issuer's names apart from another's."""
    rules: list[RuleSection] = []

    @field_validator("issuer")
    @classmethod
    def _is_an_address(cls, issuer: str) -> str:
        place = urlsplit(issuer)
        if not place.hostname or place.username or place.query or place.fragment:
            raise ValueError("must be an address, as https://HOST/PATH")
        if place.scheme != "https" and not (place.scheme == "http" and is_loopback(place.hostname)):
            raise ValueError("must begin with https://: its keys come from there")
        return issuer


class LoginSection(Section):
    """The issuer of the portal's logins."""

    issuer: Text
    """The `name` of one of `issuers`."""
    client_id: Text
    """What the portal is called there. It is also an audience of the issuer's tokens."""
    scopes: list[Text] = ["openid", "profile", "email"]


class PersonSection(Section):
    """A person, whatever way they log in."""

    name: PersonName
    """The one name that events and approvals keep."""
    also: list[PersonName] = []
    """Names under which issuers know the same person, with the issuer's prefix."""
    slack: Text | None = None
    """The member id in Slack."""
    teams: Text | None = None
    """The user id in Teams."""
    groups: list[Text] = []
    grants: list[GrantSection] = []


class AccessSection(Section):
    issuers: list[IssuerSection] = []
    login: LoginSection | None = None
    people: list[PersonSection] = []


def read_access(path: Path | None) -> Access:
    """The access rules; without a file only API tokens give access. Raises Misconfigured with every mistake in the file."""
    if path is None:
        return Access()
    written = read_config_file(
        path, AccessSection, setting="MLRELEASE_ACCESS", code="access_invalid", contradictions=_contradictions
    )
    return _access(written)


def _contradictions(document: Document, access: AccessSection) -> Iterator[Mistake]:
    """Mistakes that no part shows by itself."""
    yield from repeated(document, [(("issuers", i, "name"), each.name) for i, each in enumerate(access.issuers)])
    yield from repeated(document, [(("issuers", i, "issuer"), each.issuer) for i, each in enumerate(access.issuers)])
    for index, each in enumerate(access.issuers):
        for other in access.issuers[:index]:
            if _overlap(each.name_prefix, other.name_prefix):
                message = f"has names that could be those of {other.name}: give it another name_prefix"
                yield document.mistake(("issuers", index), message)
    names: list[tuple[Place, str]] = []
    for index, person in enumerate(access.people):
        names.append((("people", index, "name"), person.name))
        names += [(("people", index, "also", place), name) for place, name in enumerate(person.also)]
    yield from repeated(document, names)
    for system in ("slack", "teams"):
        ids = [(("people", i, system), getattr(person, system)) for i, person in enumerate(access.people)]
        yield from repeated(document, [(place, user) for place, user in ids if user is not None])
    if access.login is not None and access.login.issuer not in {each.name for each in access.issuers}:
        yield document.mistake(("login", "issuer"), "is not the name of one of `issuers`")


def _overlap(prefix: str, other: str) -> bool:
    return prefix == other or bool(prefix and other and (prefix.startswith(other) or other.startswith(prefix)))


def _access(written: AccessSection) -> Access:
    issuers = tuple(_issuer(each, written.login) for each in written.issuers)
    login = None
    if written.login is not None:
        issuer = next(each for each in issuers if each.name == written.login.issuer)
        login = Login(issuer, written.login.client_id, tuple(written.login.scopes))
    return Access(issuers=issuers, people=tuple(_person(each) for each in written.people), login=login)


def _issuer(written: IssuerSection, login: LoginSection | None) -> Issuer:
    audiences = [written.audience] if isinstance(written.audience, str) else written.audience
    return Issuer(
        name=written.name,
        url=written.issuer,
        audiences=tuple(audiences),
        name_claim=written.name_claim,
        name_prefix=written.name_prefix,
        rules=tuple(_rule(each) for each in written.rules),
        login_client=login.client_id if login is not None and login.issuer == written.name else None,
    )


def _rule(written: RuleSection) -> Rule:
    wanted = {claim: frozenset([words] if isinstance(words, str) else words) for claim, words in written.match.items()}
    return Rule(match=wanted, groups=frozenset(written.groups), grants=_grants(written.grants))


def _person(written: PersonSection) -> Person:
    return Person(
        name=written.name,
        also=frozenset(written.also),
        slack=written.slack,
        teams=written.teams,
        groups=frozenset(written.groups),
        grants=_grants(written.grants),
    )


def _grants(written: Sequence[GrantSection]) -> tuple[Grant, ...]:
    return tuple(grant for each in written for grant in each.grants())
