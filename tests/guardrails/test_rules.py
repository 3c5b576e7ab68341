"""Which rules hold for a stage, and what they refuse. Names are Azure's, in either case."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # ships no types
import pytest
from ruamel.yaml import YAML

from app.errors import Misconfigured
from app.guardrails.file import read_guardrails
from app.guardrails.rules import Guardrails, Site, job_site
from app.guardrails.schema import GuardrailsSection, json_schema, schema_text
from app.planning.places import Place
from app.planning.purpose import Purpose
from app.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
SUBSCRIPTION = "aaaaaaaa-0000-0000-0000-000000000001"
SITE = Site(
    model="churn",
    stage="prod",
    place=Place(subscription=SUBSCRIPTION, resource_group="rg-ml", workspace="ws-prod"),
    endpoint="churn-prod",
    registry="reg",
    key_vault="kv-churn",
)


def rails(*rules: dict[str, Any], **more: Any) -> Guardrails:
    named = [{"name": f"rule {number}", **rule} for number, rule in enumerate(rules)]
    return Guardrails.of(GuardrailsSection.model_validate({"rules": named, **more}), subscription=SUBSCRIPTION)


def refused(guardrails: Guardrails, **changes: Any) -> list[str]:
    if "workspace" in changes:
        changes["place"] = SITE.place.model_copy(update={"workspace": changes.pop("workspace")})
    return [each.sentence for each in guardrails.refusals(replace(SITE, **changes), golden_requests=1)]


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        ({"workspace": "ws-prod"}, True),
        ({"workspace": "WS-Prod"}, True),
        ({"workspace": "*-prod"}, True),
        ({"workspace": "ws-pro"}, False),
        ({"workspace": "ws-prod?"}, False),
        ({"subscription": SUBSCRIPTION.upper()}, True),
        ({"resource_group": "rg-*", "stage": "prod"}, True),
        ({"resource_group": "rg-*", "stage": "dev"}, False),
        ({"registry": "reg"}, True),
        ({"model": "ch*"}, True),
    ],
)
def test_rule_holds_where_everything_matches(match: dict[str, str], holds: bool) -> None:
    assert bool(rails({"match": match}).matching(SITE)) is holds


@pytest.mark.parametrize("name", ["WS-PROD", "Ws-Prod"])
def test_place_written_in_another_case_is_the_same_place(name: str) -> None:
    assert refused(rails({"match": {"workspace": "ws-prod"}, "models": ["other"]}), workspace=name)


@pytest.mark.parametrize("name", ["ws\u2010prod", "ws-prod\n", "w\u017f-prod", "ws-prod\u200b", "\u212as-prod", ""])
def test_name_that_no_workspace_has_matches_nothing_and_is_refused(name: str) -> None:
    assert refused(rails({"match": {"workspace": "*"}}), workspace=name)


def test_stage_that_no_rule_matches_is_refused_unless_the_file_says_otherwise() -> None:
    elsewhere = {"match": {"workspace": "ws-dev"}}

    assert refused(rails(elsewhere)) == ["No guardrail allows releases to ws-prod in rg-ml."]
    assert refused(rails()) != []
    assert refused(rails(elsewhere, unmatched="allowed")) == []


@pytest.mark.parametrize("match", [{"model": "churn"}, {"registry": "reg"}, {"stage": "prod"}, {"key_vault": "kv-*"}])
def test_rule_about_what_a_team_chooses_itself_lets_it_go_nowhere(match: dict[str, str]) -> None:
    """Naming the registry of another rule's stages, or a stage as it is called there, opens no workspace."""
    assert refused(rails({"match": match}))
    assert refused(rails({"match": match}, {"match": {"workspace": "ws-*"}})) == []


def test_vault_is_guarded_wherever_it_is_written_to_from() -> None:
    anywhere, vault = {"match": {"workspace": "*"}}, {"match": {"key_vault": "KV-fraud"}, "models": ["fraud"]}

    assert len(refused(rails(anywhere, vault), workspace="ws-of-churn", key_vault="kv-FRAUD")) == 1
    assert refused(rails(anywhere, vault), workspace="ws-of-churn") == []
    assert refused(rails(anywhere, vault), key_vault=None) == []


def jobs_refused(guardrails: Guardrails, workspace: str) -> bool:
    place = Place(subscription=SUBSCRIPTION, resource_group="rg-ml", workspace=workspace)
    site = job_site(model="churn", place=place)
    return bool(list(guardrails.job_refusals(site)))


def test_jobs_run_where_the_model_may_be_whatever_the_stages_there_are_called() -> None:
    guardrails = rails(
        {"match": {"workspace": "ws-dev", "stage": "dev"}},
        {"match": {"workspace": "ws-dev", "stage": "live"}, "models": ["fraud"]},
        {"match": {"workspace": "ws-prod"}, "models": ["fraud"]},
    )

    assert not jobs_refused(guardrails, "ws-dev")
    assert jobs_refused(guardrails, "WS-PROD")
    assert jobs_refused(guardrails, "ws-elsewhere")


@pytest.mark.parametrize(
    "demands",
    [
        {"models": ["fraud", "chur"]},
        {"endpoints": ["{model}-live"]},
        {"endpoints": ["churn-dev"]},
        {"key_vaults": ["kv-{model}-prod"]},
        {"registries": ["reg-*"]},
        {"checks": {"golden_requests": 2}},
    ],
)
def test_each_demand_refuses(demands: dict[str, Any]) -> None:
    assert len(refused(rails({"match": {"workspace": "*"}, **demands}))) == 1


def test_all_rules_that_match_hold() -> None:
    lax = {"match": {"workspace": "*"}, "models": ["*"], "approval": "required"}
    strict = {"match": {"stage": "prod"}, "models": ["fraud"], "approval": {"count": 3}}

    guardrails = rails(lax, strict)

    assert len(refused(guardrails)) == 1
    assert [policy.count for _, policy in guardrails.least_policies(SITE, Purpose.RELEASE)] == [1, 3]


def test_name_of_another_model_that_begins_with_ours_is_not_ours() -> None:
    """``{model}-*`` would let churn take churn-b-prod: beside ``{model}`` there is no wildcard."""
    with pytest.raises(ValueError, match="endpoints"):
        rails({"match": {"workspace": "*"}, "endpoints": ["{model}-*"]})
    assert refused(rails({"match": {"workspace": "*"}, "endpoints": ["{model}-prod"]}), endpoint="churn-b-prod")


WRONG = """\
rules:
  - name: a
    match: {}
    endpoints: ["{model}*"]
  - name: a
    match: {workspaces: ws}
    approval: {count: 0}
    freezes: [{reason: x, starts: "2026-01-01T00:00:00", lasts: 2h, recurs: FREQ=SECONDLY}]
  - name: b
    match: {workspace: "ws-[!a]"}
    changed_by: {}
unmatched: maybe
"""


def test_every_mistake_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "guardrails.yml"
    file.write_text(WRONG)

    with pytest.raises(Misconfigured) as told:
        read_guardrails(Settings(guardrails=file))

    for line in (3, 4, 6, 7, 8, 10, 11, 12):
        assert f"guardrails.yml:{line}:" in told.value.sentence, told.value.sentence
    assert told.value.code == "guardrails_invalid"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("~", "must be a mapping"),
        ("[]", "must be"),
        ("{}", "`rules`|rules"),
        (
            "rules:\n  - {name: a, match: {workspace: x}}\n  - {name: a, match: {workspace: y}}\n",
            "a is already in line 2",
        ),
    ],
)
def test_file_that_says_nothing_usable_stops_the_process(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "guardrails.yml"
    file.write_text(text)

    with pytest.raises(Misconfigured, match=said):
        read_guardrails(Settings(guardrails=file))


def test_file_that_is_not_there_stops_the_process(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="No such file"):
        read_guardrails(Settings(guardrails=tmp_path / "guardrails.yml"))


def test_the_published_schema_is_up_to_date() -> None:
    published = (DEPLOY / "guardrails.schema.json").read_text(encoding="utf-8")

    assert published == schema_text(), "run: python -m app.guardrails.schema > deploy/guardrails.schema.json"


def test_the_published_example_is_valid_and_lets_our_models_go(tmp_path: Path) -> None:
    example = DEPLOY / "guardrails.yml"

    jsonschema.validate(YAML(typ="safe").load(example), json_schema())
    assert read_guardrails(Settings(data=tmp_path, guardrails=example)).unmatched_is_refused
