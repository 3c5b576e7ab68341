"""access.yml: read strictly, and what it makes of those who come."""

from pathlib import Path

import pytest

from app.errors import Misconfigured
from app.identity.access import Access
from app.identity.access_file import read_access
from app.identity.roles import Grant, Permission, Role
from tests.identity.conftest import ACCESS

ROOT = Path(__file__).parents[2]
COMPANY = "https://company.example"


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return written(tmp_path, ACCESS.format(issuer=COMPANY))


def written(folder: Path, text: str) -> Access:
    file = folder / "access.yml"
    file.write_text(text)
    return read_access(file)


def test_shipped_example_is_sound() -> None:
    access = read_access(ROOT / "deploy" / "access.yml")

    assert {issuer.name for issuer in access.issuers} >= {"entra", "github", "gitlab"}
    assert access.login is not None
    assert access.people


def test_without_a_file_nobody_is_known() -> None:
    assert read_access(None) == Access()


def test_person_is_one_however_they_come_in(access: Access) -> None:
    by_token = access.actor_of_token("anna@team.example", [Grant(Role.APPROVER)])
    by_claims = access.actor_of_claims(COMPANY, {"sub": "Anna"}, via="portal")
    by_chat = access.actor_of_chat("slack", "U1")

    assert by_chat is not None
    assert {by_token.name, by_claims.name, by_chat.name} == {"anna"}
    assert by_token.groups == by_claims.groups == by_chat.groups == {"data-science"}
    assert not by_claims.may(Permission.APPROVE)
    assert by_token.may(Permission.APPROVE)


def test_unknown_account_of_a_chat_is_nobody(access: Access) -> None:
    assert access.actor_of_chat("slack", "U99") is None
    assert access.actor_of_chat("teams", "") is None
    assert access.actor_of_chat("teams", "U1") is None


def test_claim_that_is_a_list_matches_by_one_of_its_entries(access: Access) -> None:
    assert access.actor_of_claims(COMPANY, {"sub": "x", "groups": ["a", "ml-approvers"]}, via="api").may(
        Permission.APPROVE
    )
    assert not access.actor_of_claims(COMPANY, {"sub": "x", "groups": "not-ml-approvers"}, via="api").grants
    assert not access.actor_of_claims(COMPANY, {"sub": "x", "groups": {"ml-approvers": 1}}, via="api").grants


MISTAKES = {
    "~": "must be a mapping",
    "isuers: []": "isuers: is an unknown key; did you mean `issuers`",
    "people: [{name: Anna}]": "people[0].name",
    "people: [{name: mlrelease}]": "is reserved for the service itself",
    "people: [{name: anna, grants: [{role: king}]}]": "people[0].grants[0].role",
    "people: [{name: anna}, {name: boris, also: [anna]}]": "anna is already in line 1",
    "people: [{name: anna, slack: U1}, {name: boris, slack: U1}]": "U1 is already",
    "issuers: [{name: a, issuer: 'http://a.example', audience: x}]": "must begin with https://",
    "issuers: [{name: a, issuer: 'https://a.example', audience: x, rules: [{match: {}}]}]": "match",
    "issuers: [{name: a, issuer: 'https://a.example', audience: x}, {name: b, issuer: 'https://b.example', audience: x}]": (
        "has names that could be those of a"
    ),
    "login: {issuer: nobody, client_id: x}": "is not the name of one of `issuers`",
    "people: [": "is not YAML",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_mistake_is_told_with_its_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        written(tmp_path, text)

    assert MISTAKES[text] in str(wrong.value)
    assert f"{tmp_path}/access.yml:1" in str(wrong.value)


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as wrong:
        written(tmp_path, "people:\n  - name: Anna\n  - nam: boris\n")

    assert "access.yml:2" in str(wrong.value)
    assert "access.yml:3" in str(wrong.value)


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="No such file"):
        read_access(tmp_path / "nothing.yml")
