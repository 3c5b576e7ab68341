"""Checking every stage before approval is requested: what would stop the release later is reported now. Changes nothing.

Each check passed, failed, or is unknown: what Azure does not tell us is no reason to refuse, and is found out on the way.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Literal

from app.azureml.errors import AzureMLError
from app.azureml.facade import AzureML
from app.steps import checks
from app.steps.checks import Preflight, StageLook
from app.steps.contract import Context, Done, Json, Refused

_LOOKS = 3  # at what may answer a moment later
_LONGEST_WAIT = 10.0  # seconds, whatever a Retry-After says: an approver waits for the answer


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. ``stage`` None: of the release as a whole."""

    stage: str | None
    check: str
    outcome: Literal["passed", "failed", "unknown"]
    code: str
    sentence: str
    hint: str | None = None


def preflight(azure: AzureML, context: Context, config: Json) -> Done:
    """Every check of every stage; ``checks`` of the output has them all."""
    wanted = Preflight.model_validate(config)
    found = [_check(context, None, "files", partial(checks.files, context.bundle, wanted))]
    found += [
        check for stage in wanted.stages for check in _look_at(context, StageLook(azure, context.bundle, wanted, stage))
    ]
    failed = [each for each in found if each.outcome == "failed"]
    return Done(
        f"{len(failed)} of {len(found)} checks failed." if failed else f"None of {len(found)} checks failed.",
        output={"checks": [asdict(each) for each in found]},
        changed=False,
    )


def _look_at(context: Context, look: StageLook) -> list[Check]:
    stage, name = look.stage, look.stage.name
    context.report(f"Checking stage {name}.")
    found = [_check(context, name, "workspace", partial(checks.workspace, look))]
    if found[0].code == "workspace_not_found":
        return found
    if stage.workspace != look.wanted.source:
        found.append(_check(context, name, "registry", partial(checks.registry, look)))
    found.append(_check(context, name, "permissions", partial(checks.permissions, look)))
    found.append(_check(context, name, "endpoint", partial(checks.endpoint, look)))
    found.append(_check(context, name, "instance_type", partial(checks.instance_type, look)))
    found.append(_check(context, name, "quota", partial(checks.quota, look)))
    if stage.key_vault:
        found.append(_check(context, name, "key_vault", partial(checks.key_vault, look)))
    return found


def _check(context: Context, stage: str | None, name: str, look: Callable[[], str]) -> Check:
    for tried in range(1, _LOOKS + 1):
        context.checkpoint()
        try:
            return Check(stage, name, "passed", "passed", look())
        except Refused as no:
            return Check(stage, name, "failed", no.code, no.sentence, no.hint)
        except AzureMLError as silent:
            if not silent.retryable or tried == _LOOKS:
                return Check(stage, name, "unknown", silent.code, silent.sentence, silent.hint)
            context.wait(min(silent.retry_after or tried, _LONGEST_WAIT))
    raise AssertionError("the last look returns")
