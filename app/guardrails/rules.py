"""The platform's rules for a stage, whatever its definition says. Pure: rules and a stage in, refusals and demands out."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from app.approvals.policy import normal
from app.definitions.schema import Definition, StageDefinition
from app.freezes.windows import Window
from app.guardrails.schema import GuardrailsSection, PricesSection, RuleSection
from app.identity.actor import Actor
from app.planning.assets import registry_of
from app.planning.places import Place, Target
from app.planning.plan import PlannedRule
from app.planning.policy import ApprovalSection
from app.planning.purpose import Purpose

_PLAIN = re.compile(r"[A-Za-z0-9_.()-]+")


@dataclass(frozen=True)
class Site:
    """The place of one stage of a model, with the service's subscription if the definition has none."""

    model: str
    stage: str
    place: Place
    endpoint: str
    registry: str | None = None
    key_vault: str | None = None
    reads: tuple[str, ...] = ()  # registries that content is deployed from as it is, beside the stage's own

    @property
    def target(self) -> str:
        """As ``Rollout.target``."""
        return str(Target(place=self.place, endpoint=self.endpoint))


@dataclass(frozen=True)
class Refusal:
    """Why a stage is refused. ``rule`` None: because no rule matches."""

    stage: str
    rule: str | None
    sentence: str


@dataclass(frozen=True)
class Guardrails:
    """The rules of one installation, and the subscription of stages that name none."""

    rules: tuple[RuleSection, ...] = ()
    unmatched_is_refused: bool = False
    subscription: str = ""
    prices: PricesSection | None = None

    @classmethod
    def of(cls, written: GuardrailsSection, *, subscription: str) -> "Guardrails":
        return cls(tuple(written.rules), written.unmatched == "refused", subscription, written.prices)

    def matching(self, site: Site) -> list[RuleSection]:
        return [rule for rule in self.rules if _matches(rule, site)]

    def refusals(self, site: Site, *, golden_requests: int | None = None) -> Iterator[Refusal]:
        """Why a stage is refused; empty: it is allowed. ``golden_requests`` None: not checked now."""
        rules = self.matching(site)
        if self.unmatched_is_refused and not any(rule.match.is_about_a_place for rule in rules):
            where = f"{site.place.workspace} in {site.place.resource_group}"
            yield Refusal(site.stage, None, f"No guardrail allows releases to {where}.")
        for rule in rules:
            for sentence in _wrong_with(rule, site, golden_requests):
                yield Refusal(site.stage, rule.name, sentence)

    def job_refusals(self, site: Site) -> Iterator[Refusal]:
        """Why a model may not have training jobs in a stage's workspace, nor be released from there, whatever the stage's name."""
        known = any(rule.match.is_about_a_place and _matches_place(rule, site) for rule in self.rules)
        if self.unmatched_is_refused and not known:
            yield Refusal(
                site.stage,
                None,
                f"No guardrail allows training jobs in {site.place.workspace} in {site.place.resource_group}.",
            )
        for rule in self.rules:
            if (
                _matches_place(rule, site)
                and not rule.match.is_about_stages
                and not _is_one_of(site.model, rule.models)
            ):
                models = _listed(rule.models)
                said = f"{site.model} may not have training jobs in {site.place.workspace}. Allowed models: {models}."
                yield Refusal(site.stage, rule.name, said)

    def least_policies(self, site: Site, purpose: Purpose) -> list[tuple[str, ApprovalSection]]:
        """By rule: the least approval policy of what is to be moved at a stage for this."""
        policies = [(rule.name, rule.policy(purpose)) for rule in self.matching(site)]
        return [(name, policy) for name, policy in policies if policy is not None]

    def windows(self, site: Site) -> list[Window]:
        """The rules' freezes for a stage."""
        return [freeze.window for rule in self.matching(site) for freeze in rule.freezes]

    def wants_golden_requests(self, site: Site) -> bool:
        return any(rule.checks is not None for rule in self.matching(site))

    def not_changed_by(self, site: Site, actor: Actor) -> Iterator[Refusal]:
        """Why this actor may not change a definition with this stage; empty: allowed."""
        mine = {normal(group) for group in actor.groups}
        for rule in self.matching(site):
            allowed = rule.changed_by
            if allowed is None or normal(actor.name) in map(normal, allowed.people):
                continue
            if mine.isdisjoint(map(normal, allowed.groups)):
                whom = ", ".join((*allowed.groups, *allowed.people))
                sentence = f"Only {whom} may change definitions with a stage in {site.place.workspace}."
                yield Refusal(site.stage, rule.name, sentence)

    def shown(self, site: Site) -> list[PlannedRule]:
        """For a plan: the rules that apply, and what each demands."""
        return [
            PlannedRule(
                rule=rule.name, demands=rule.model_dump(mode="json", exclude={"name", "match"}, exclude_defaults=True)
            )
            for rule in self.matching(site)
        ]


NO_GUARDRAILS = Guardrails()


def sites_of(definition: Definition, *, subscription: str, reads: Iterable[str] = ()) -> list[Site]:
    """``reads``: the registries that the content is in, beside that of the environment that the definition names."""
    named = registry_of(definition.environment or "")
    every = tuple(dict.fromkeys([*reads, *([] if named is None else [named])]))
    stages = definition.stages
    return [site_of(each, model=definition.model.name, subscription=subscription, reads=every) for each in stages]


def site_of(stage: StageDefinition, *, model: str, subscription: str, reads: tuple[str, ...] = ()) -> Site:
    return Site(
        model=model,
        stage=stage.name,
        place=stage.place(subscription),
        endpoint=stage.endpoint,
        registry=stage.registry,
        key_vault=stage.key_vault,
        reads=reads,
    )


def job_site(*, model: str, place: Place) -> Site:
    """The place of a model's training jobs."""
    return Site(model, "jobs", place, endpoint="")


def say_all(refusals: Sequence[Refusal]) -> str:
    """One sentence for each refusal, with its stage and rule."""
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
        yield f"{site.model} may not be released to {site.place.workspace}. Allowed models: {_listed(rule.models)}."
    if not _is_one_of(site.endpoint, rule.endpoints, model=site.model):
        yield f"Endpoint {site.endpoint} has a name that {site.model} may not use. Allowed names: {_listed(rule.endpoints)}."
    if site.key_vault is not None and not _is_one_of(site.key_vault, rule.key_vaults, model=site.model):
        yield f"Key Vault {site.key_vault} may not be used by {site.model}. Allowed vaults: {_listed(rule.key_vaults)}."
    for registry in dict.fromkeys((*((site.registry,) if site.registry is not None else ()), *site.reads)):
        if not _is_one_of(registry, rule.registries):
            yield f"Registry {registry} may not be used. Allowed registries: {_listed(rule.registries)}."
    least = rule.checks.golden_requests if rule.checks is not None else 0
    if golden_requests is not None and golden_requests < least:
        yield f"At least {least} different golden requests with an expected answer are required; the definition has {golden_requests}."


def _is_one_of(name: str, patterns: Sequence[str] | None, *, model: str = "") -> bool:
    return patterns is None or any(_is_like(name, pattern.replace("{model}", model)) for pattern in patterns)


def _is_like(name: str | None, pattern: str) -> bool:
    """Compare without case, as Azure does. A name with characters that Azure does not allow matches nothing."""
    if name is None or _PLAIN.fullmatch(name) is None:
        return False
    return fnmatchcase(name.lower(), pattern.lower())


def _listed(patterns: Sequence[str] | None) -> str:
    return ", ".join(patterns or ())
