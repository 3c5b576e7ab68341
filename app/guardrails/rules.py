"""What the platform demands of a stage, whatever its definition says. Pure: rules and a stage in, refusals and demands out."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from app.approvals.policy import normal
from app.definitions.schema import ApprovalSection, Definition, StageDefinition
from app.freezes.windows import Window
from app.guardrails.schema import GuardrailsSection, RuleSection
from app.identity.actor import Actor
from app.planning.places import Place, Target

Json = dict[str, Any]

_PLAIN = re.compile(r"[A-Za-z0-9_.()-]+")


@dataclass(frozen=True)
class Site:
    """Where one stage of one model goes, with the service's own subscription where the definition names none."""

    model: str
    stage: str
    place: Place
    endpoint: str
    registry: str | None = None
    key_vault: str | None = None

    @property
    def target(self) -> str:
        """As ``Rollout.target``."""
        return str(Target(place=self.place, endpoint=self.endpoint))


@dataclass(frozen=True)
class Refusal:
    """``rule`` None: no rule matches."""

    stage: str
    rule: str | None
    sentence: str


@dataclass(frozen=True)
class Guardrails:
    """The rules of one installation, and the subscription of stages that name none."""

    rules: tuple[RuleSection, ...] = ()
    unmatched_is_refused: bool = False
    subscription: str = ""

    @classmethod
    def of(cls, written: GuardrailsSection, *, subscription: str) -> "Guardrails":
        return cls(tuple(written.rules), written.unmatched == "refused", subscription)

    def matching(self, site: Site) -> list[RuleSection]:
        return [rule for rule in self.rules if _matches(rule, site)]

    def refusals(self, site: Site, *, golden_requests: int | None = None) -> Iterator[Refusal]:
        """Everything about a stage that may not be so there. ``golden_requests`` None: they are not looked at now."""
        rules = self.matching(site)
        if self.unmatched_is_refused and not any(rule.match.is_about_a_place for rule in rules):
            where = f"{site.place.workspace} in {site.place.resource_group}"
            yield Refusal(site.stage, None, f"No guardrail lets anything go to {where}.")
        for rule in rules:
            for sentence in _wrong_with(rule, site, golden_requests):
                yield Refusal(site.stage, rule.name, sentence)

    def job_refusals(self, site: Site) -> Iterator[Refusal]:
        """Why a model may neither have training jobs in a stage's workspace nor take its model from there, whatever the stage is called."""
        known = any(rule.match.is_about_a_place and _matches_place(rule, site) for rule in self.rules)
        if self.unmatched_is_refused and not known:
            yield Refusal(
                site.stage,
                None,
                f"No guardrail lets jobs run in {site.place.workspace} in {site.place.resource_group}.",
            )
        for rule in self.rules:
            if (
                _matches_place(rule, site)
                and not rule.match.is_about_stages
                and not _is_one_of(site.model, rule.models)
            ):
                models = _listed(rule.models)
                said = f"{site.model} is none of the models that may have jobs in {site.place.workspace}: {models}."
                yield Refusal(site.stage, rule.name, said)

    def least_policies(self, site: Site) -> list[tuple[str, ApprovalSection]]:
        """By rule: whom a stage must ask at least."""
        return [(rule.name, rule.policy) for rule in self.matching(site) if rule.policy is not None]

    def windows(self, site: Site) -> list[Window]:
        """When nothing may begin there."""
        return [freeze.window for rule in self.matching(site) for freeze in rule.freezes]

    def wants_golden_requests(self, site: Site) -> bool:
        return any(rule.checks is not None for rule in self.matching(site))

    def not_changed_by(self, site: Site, actor: Actor) -> Iterator[Refusal]:
        """The rules under which this actor may not change a definition with this stage."""
        mine = {normal(group) for group in actor.groups}
        for rule in self.matching(site):
            allowed = rule.changed_by
            if allowed is None or normal(actor.name) in map(normal, allowed.people):
                continue
            if mine.isdisjoint(map(normal, allowed.groups)):
                whom = ", ".join((*allowed.groups, *allowed.people))
                sentence = f"Definitions of what goes to {site.place.workspace} are changed by {whom} only."
                yield Refusal(site.stage, rule.name, sentence)

    def shown(self, site: Site) -> list[Json]:
        """For a plan: which rules hold there, and what each demands."""
        return [
            {
                "rule": rule.name,
                "demands": rule.model_dump(mode="json", exclude={"name", "match"}, exclude_defaults=True),
            }
            for rule in self.matching(site)
        ]


NO_GUARDRAILS = Guardrails()


def sites_of(definition: Definition, *, subscription: str) -> list[Site]:
    return [site_of(stage, model=definition.model.name, subscription=subscription) for stage in definition.stages]


def site_of(stage: StageDefinition, *, model: str, subscription: str) -> Site:
    return Site(
        model=model,
        stage=stage.name,
        place=stage.place(subscription),
        endpoint=stage.endpoint,
        registry=stage.registry,
        key_vault=stage.key_vault,
    )


def job_site(*, model: str, place: Place) -> Site:
    """Where training jobs of a model are."""
    return Site(model, "jobs", place, endpoint="")


def say_all(refusals: Sequence[Refusal]) -> str:
    """One sentence each, with the stage and the rule."""
    return " ".join(
        f"{each.stage}: {each.sentence}{f' (guardrail {each.rule!r})' if each.rule is not None else ''}"
        for each in refusals
    )


def _matches(rule: RuleSection, site: Site) -> bool:
    wanted = rule.match
    pairs = ((wanted.registry, site.registry), (wanted.stage, site.stage), (wanted.key_vault, site.key_vault))
    return _matches_place(rule, site) and _all_like(pairs)


def _matches_place(rule: RuleSection, site: Site) -> bool:
    wanted = rule.match
    return _all_like(
        (
            (wanted.workspace, site.place.workspace),
            (wanted.resource_group, site.place.resource_group),
            (wanted.subscription, site.place.subscription),
            (wanted.model, site.model),
        )
    )


def _all_like(pairs: Sequence[tuple[str | None, str | None]]) -> bool:
    return all(pattern is None or _is_like(name, pattern) for pattern, name in pairs)


def _wrong_with(rule: RuleSection, site: Site, golden_requests: int | None) -> Iterator[str]:
    if not _is_one_of(site.model, rule.models):
        yield f"{site.model} is none of the models that may go to {site.place.workspace}: {_listed(rule.models)}."
    if not _is_one_of(site.endpoint, rule.endpoints, model=site.model):
        yield f"Endpoint {site.endpoint} has none of the names that {site.model} may use: {_listed(rule.endpoints)}."
    if site.key_vault is not None and not _is_one_of(site.key_vault, rule.key_vaults, model=site.model):
        yield f"Key Vault {site.key_vault} is none of those that {site.model} may use: {_listed(rule.key_vaults)}."
    if site.registry is not None and not _is_one_of(site.registry, rule.registries):
        yield f"Registry {site.registry} is none of those that models may come through: {_listed(rule.registries)}."
    least = rule.checks.golden_requests if rule.checks is not None else 0
    if golden_requests is not None and golden_requests < least:
        yield f"It takes {least} different golden requests that expect something, and there are {golden_requests}."


def _is_one_of(name: str, patterns: Sequence[str] | None, *, model: str = "") -> bool:
    return patterns is None or any(_is_like(name, pattern.replace("{model}", model)) for pattern in patterns)


def _is_like(name: str | None, pattern: str) -> bool:
    """Azure takes names in either case. A name with other characters than it has in Azure is like nothing."""
    if name is None or _PLAIN.fullmatch(name) is None:
        return False
    return fnmatchcase(name.lower(), pattern.lower())


def _listed(patterns: Sequence[str] | None) -> str:
    return ", ".join(patterns or ())
