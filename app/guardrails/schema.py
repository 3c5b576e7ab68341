"""The schema of ``guardrails.yml``."""

import sys
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from app.definitions.names import InstanceType
from app.definitions.schema import Approval, as_policy
from app.documents.published import as_text, json_schema_of
from app.documents.section import Section
from app.freezes.service import Wanted, mistakes_in
from app.freezes.windows import Window
from app.planning.policy import ApprovalSection, Duration, PersonOrGroup, length_of
from app.planning.purpose import Purpose

# Names of Azure, and stages and models of ours: ASCII without brackets, so that a pattern means what it looks like.
_NAME = r"[A-Za-z0-9_.()-]"
Pattern = Annotated[str, StringConstraints(pattern=rf"^(?:{_NAME}|[*?]){{1,100}}$")]
PatternWithModel = Annotated[
    str, StringConstraints(pattern=rf"^(?:(?:{_NAME}|[*?]){{1,100}}|{_NAME}{{0,60}}\{{model\}}{_NAME}{{0,60}})$")
]
SEVERAL = Field(default=None, min_length=1, max_length=100)


class MatchSection(Section):
    """The stages that a rule applies to: those that match every field. `*` and `?` are wildcards; case is ignored."""

    workspace: Pattern | None = None
    """The Azure ML workspace. Prefer it to `stage`, because the team chooses the name of a stage."""
    resource_group: Pattern | None = None
    subscription: Pattern | None = None
    """Default: the service's setting."""
    registry: Pattern | None = None
    """The registry of the stage; a stage without one does not match."""
    stage: Pattern | None = None
    """The name of the stage in a definition."""
    key_vault: Pattern | None = None
    """The Key Vault of the stage; a stage without one does not match."""
    model: Pattern | None = None
    """The model."""

    @model_validator(mode="after")
    def _says_something(self) -> "MatchSection":
        if not self.model_fields_set:
            raise ValueError('must not be empty: `{workspace: "*"}` matches all stages')
        return self

    @property
    def is_about_a_place(self) -> bool:
        """What is written beside workspace, resource group and subscription is the team's own choice: it lets nothing go anywhere."""
        return bool(self.model_fields_set & {"workspace", "resource_group", "subscription"})

    @property
    def is_about_stages(self) -> bool:
        """Not about whatever is in a workspace, such as its training jobs."""
        return bool(self.model_fields_set & {"registry", "stage", "key_vault"})


class RequiredChecks(Section):
    """The checks that a definition must require before a new deployment gets traffic."""

    golden_requests: int = Field(ge=1, le=10_000)
    """The least number of different golden requests with an expected answer."""


class RequiredFreeze(Section):
    """A time in which no rollout starts there. Nobody can delete it; only break-glass bypasses it."""

    reason: str = Field(min_length=1, max_length=1000)
    starts: datetime
    """Local time of the time zone, without an offset."""
    lasts: Duration | None = None
    """Without it, until this file says otherwise."""
    time_zone: str = "UTC"
    recurs: str | None = None
    """An RRULE of RFC 5545, such as `FREQ=WEEKLY`."""

    @model_validator(mode="after")
    def _happens(self) -> "RequiredFreeze":
        wanted = Wanted(self.reason, self.starts, self._length, self.time_zone, self.recurs)
        if mistakes := mistakes_in(wanted):
            raise ValueError("; ".join(map(str, mistakes)))
        return self

    @property
    def _length(self) -> timedelta | None:
        return None if self.lasts is None else length_of(self.lasts)

    @property
    def window(self) -> Window:
        return Window(
            self.starts, self._length, ZoneInfo(self.time_zone), self.recurs, f"{self.reason.rstrip('.')} (guardrails)"
        )


class ChangedBy(Section):
    """Who, of the model's admins, may change definitions with a stage there."""

    groups: tuple[PersonOrGroup, ...] = ()
    people: tuple[PersonOrGroup, ...] = ()

    @model_validator(mode="after")
    def _names_somebody(self) -> "ChangedBy":
        if not self.groups and not self.people:
            raise ValueError("must name a person or a group")
        return self


class RuleSection(Section):
    """A rule for the stages that it matches. If several rules match, all of them apply."""

    name: str = Field(min_length=1, max_length=100)
    """The rule's name in messages."""
    match: MatchSection
    models: list[Pattern] | None = SEVERAL
    """The models that may be released there; absent: all."""
    endpoints: list[PatternWithModel] | None = SEVERAL
    """The allowed endpoint names. `{model}` is the model's name; then `*` and `?` are not allowed."""
    key_vaults: list[PatternWithModel] | None = SEVERAL
    """The allowed Key Vaults."""
    registries: list[Pattern] | None = SEVERAL
    """The allowed registries."""
    approval: Approval | None = None
    """The least approval policy. Where a definition's policy is weaker, this one applies."""
    rollback_approval: Approval | None = None
    """The least approval policy of going back to what was served earlier. Absent: going back takes what the definition asks for."""
    checks: RequiredChecks | None = None
    freezes: list[RequiredFreeze] = Field(default=[], max_length=50)
    changed_by: ChangedBy | None = None

    def policy(self, purpose: Purpose) -> ApprovalSection | None:
        """The least policy of what is to be moved for this."""
        return as_policy(self.rollback_approval if purpose is Purpose.ROLLBACK else self.approval)


class PricesSection(Section):
    """What machines cost: for reports of deployments that stand idle. It refuses nothing."""

    currency: str = Field(pattern=r"^[A-Z]{3}$")
    """By its ISO 4217 code, such as `EUR`."""
    per_hour: dict[InstanceType, Annotated[float, Field(ge=0)]] = Field(min_length=1)
    """The price of one machine for an hour, by its size, such as `Standard_E2s_v3`."""

    def of(self, instance_type: str | None) -> float | None:
        """None: no price is known. Azure takes the names of sizes in either case."""
        known = {size.lower(): price for size, price in self.per_hour.items()}
        return None if instance_type is None else known.get(instance_type.lower())


class GuardrailsSection(Section):
    """The platform's rules for all definitions."""

    rules: list[RuleSection] = Field(max_length=200)
    unmatched: Literal["refused", "allowed"] = "refused"
    """Whether releases may go to a stage that no rule matches."""
    prices: PricesSection | None = None


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``guardrails.yml``, for editors."""
    return json_schema_of(GuardrailsSection, file="guardrails.yml")


def schema_text() -> str:
    """The JSON Schema as it is published in ``deploy/guardrails.schema.json``."""
    return as_text(json_schema())


if __name__ == "__main__":  # python -m app.guardrails.schema > deploy/guardrails.schema.json
    sys.stdout.write(schema_text())
