"""Checking every stage before approval is requested: what would stop the release later is reported now. Changes nothing.

Each check passed, warns, failed, or is unknown: what Azure does not tell us is no reason to refuse, and is found out on the way.
"""

from collections.abc import Callable
from functools import partial

from app.azureml.errors import AzureMLError
from app.azureml.facade import AzureML
from app.planning.checks import Check
from app.preflight import checks, outlook
from app.preflight.looking import Preflight, Said, StageLook
from app.steps.contract import Context, Refused

_LOOKS = 3  # at what may answer a moment later
_LONGEST_WAIT = 10.0  # seconds, whatever a Retry-After says: an approver waits for the answer


def preflight(azure: AzureML, context: Context, wanted: Preflight) -> list[Check]:
    """Every check of every stage."""
    found = [_check(context, None, "files", partial(checks.files, context.bundle, wanted))]
    found += [
        check for stage in wanted.stages for check in _look_at(context, StageLook(azure, context.bundle, wanted, stage))
    ]
    return found


def _look_at(context: Context, look: StageLook) -> list[Check]:
    stage, name = look.stage, look.stage.name
    context.report(f"Checking stage {name}.")
    found = [_check(context, name, "workspace", partial(checks.workspace, look))]
    if found[0].code == "workspace_not_found":
        return found
    if look.wanted.reads:
        found.append(_check(context, name, "content_registry", partial(checks.content_registries, look)))
    if stage.workspace != look.wanted.origin and stage.registry is not None:
        found.append(_check(context, name, "registry", partial(checks.registry, look)))
    found.append(_check(context, name, "permissions", partial(checks.permissions, look)))
    if (identity := _identity_of(look)) is not None:
        found.append(_check(context, name, "endpoint_identity", partial(checks.endpoint_identity, look, identity)))
    found.append(_check(context, name, "endpoint", partial(checks.endpoint, look)))
    found.append(_check(context, name, "instance_type", partial(checks.instance_type, look)))
    found.append(_check(context, name, "quota", partial(checks.quota, look)))
    if stage.key_vault:
        found.append(_check(context, name, "key_vault", partial(checks.key_vault, look)))
    if stage.rules is not None:
        now = context.now()
        found.append(_check(context, name, outlook.METRICS, partial(outlook.metrics, look, now=now)))
        found.append(_check(context, name, outlook.ANALYSIS, partial(outlook.analysis, look, stage.rules, now=now)))
    return found


def _identity_of(look: StageLook) -> str | None:
    """Which the endpoint is to run as, if somebody has made it. Of a file that cannot be read another check tells."""
    try:
        return look.identity
    except AzureMLError:
        return None


def _check(context: Context, stage: str | None, name: str, look: Callable[[], str | Said]) -> Check:
    for tried in range(1, _LOOKS + 1):
        context.checkpoint()
        try:
            return _found(stage, name, look())
        except Refused as no:
            return Check(stage=stage, check=name, outcome="failed", code=no.code, sentence=no.sentence, hint=no.hint)
        except AzureMLError as silent:
            if not silent.retryable or tried == _LOOKS:
                return Check(
                    stage=stage,
                    check=name,
                    outcome="unknown",
                    code=silent.code,
                    sentence=silent.sentence,
                    hint=silent.hint,
                )
            context.wait(min(silent.retry_after or tried, _LONGEST_WAIT))
    raise AssertionError("the last look returns")


def _found(stage: str | None, name: str, said: str | Said) -> Check:
    """What does not stop the release."""
    well = Said(said) if isinstance(said, str) else said
    return Check(
        stage=stage,
        check=name,
        outcome="passed" if well.warning is None else "warning",
        code=well.warning or "passed",
        sentence=well.sentence,
        hint=well.hint,
        rows=well.rows,
    )
