"""A real step that waits before it does its work: no kind of step does yet, and those that will must survive every kill."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from app.azureml.facade import AzureML
from app.steps import catalogue
from app.steps.contract import Context, Outcome, Waiting

WAITS_IN = "TESTS_STEP_WAITS"  # the variable that names the kind
WAIT_SECONDS = 4.0

Kind = Callable[[AzureML, Context, Any], Outcome]


def let_wait(kind: str) -> None:
    """Have steps of this kind wait first, in this process."""
    kinds: dict[str, Kind] = dict(catalogue.STEPS)
    kinds[kind] = _waiting_first(kinds[kind])
    catalogue.STEPS = kinds


def _waiting_first(step: Kind) -> Kind:
    def carry_out(azure: AzureML, context: Context, config: Any) -> Outcome:
        if not context.memory:
            began = context.first_begun_at.isoformat()
            return Waiting(context.now() + timedelta(seconds=WAIT_SECONDS), "Waits for a while.", {"began": began})
        assert context.memory["began"] == context.first_begun_at.isoformat(), "both were kept"
        return step(azure, context, config)

    return carry_out
