"""Retries after transient errors: backoff with jitter, Retry-After, and a budget for each step. Waiting uses none of the budget."""

from collections.abc import Callable
from typing import TypeVar

from app.azureml.errors import AzureMLError, Busy
from app.azureml.resources import is_out_of_resources, out_of_resources
from app.errors import MlreleaseError
from app.planning.budget import Budget
from app.steps.contract import Context

Result = TypeVar("Result")


def carry_out(
    act: Callable[[Context], Result],
    context: Context,
    *,
    budget: Budget,
    on_retry: Callable[[AzureMLError, float], None],
) -> Result:
    """Do what converges (a step, a look) until it is done, or waits.

    Raises what ended it: Refused, Interrupted, OutOfTime, or the last of the tries' AzureMLError. Something else going on there
    (Busy) is waited for until the step's own time is over.
    """
    tries, waits = 0, 0
    while True:
        try:
            return act(context)
        except Busy as busy:
            waits += 1
            seconds = max(budget.wait_before(waits), busy.retry_after or 0.0)
            context.report(f"{busy.sentence} Checked again in {seconds:.0f} s.")
        except Exception as broken:
            error = _as_azure(broken)
            tries += 1
            if error is None:
                raise
            if not error.retryable or tries >= budget.tries:
                raise error from error.__cause__
            seconds = max(budget.wait_before(tries), error.retry_after or 0.0)
            on_retry(error, seconds)
        context.wait(seconds)


def _as_azure(broken: Exception) -> AzureMLError | None:
    """What this machine has no room for is tried again as what Azure fails for a moment; None: nobody expected it."""
    if isinstance(broken, AzureMLError):
        return broken
    if is_out_of_resources(broken) and not isinstance(broken, MlreleaseError):
        error = out_of_resources(broken, doing="go on")
        error.__cause__ = broken
        return error
    return None
