"""The ``mlrelease`` command, put together."""

import typer

from app.cli.exits import MEANINGS
from app.cli.options import Commands
from app.cli.places import Place

_EPILOG = "Exit status: " + "; ".join(f"{status.value} {meaning}" for status, meaning in MEANINGS.items()) + "."
_PROCESSES = "Processes"


PLACES = (
    Place(
        "up",
        "programs:up",
        "Start everything on this machine: API, worker and, unless MLRELEASE_AZURE=azure, the Azure ML emulator.",
        _PROCESSES,
    ),
    Place("serve", "programs:serve", "Run the API in this terminal (MLRELEASE_HOST, MLRELEASE_PORT).", _PROCESSES),
    Place(
        "worker",
        "programs:worker",
        "Run a worker in this terminal. Workers carry out releases on Azure ML.",
        _PROCESSES,
    ),
    Place("migrate", "programs:migrate", "Migrate the database to this version.", _PROCESSES),
    Place(
        "demo",
        "demo:demo",
        "Train a model, release it to dev and prod, and call it, all on this machine.",
    ),
    Place("models", "models:commands", "Definitions: how each model is released."),
    Place("jobs", "jobs:commands", "Training jobs: submitted to Azure ML, or recorded."),
    Place("release", "control:commands", "Releases: a model, through the stages."),
    Place("targets", "targets:commands", "Endpoints, and what others made or changed there."),
    Place("webhooks", "webhooks:commands", "Webhooks: addresses that receive events, and their deliveries."),
    Place("tokens", "tokens:commands", "API tokens: access without a browser."),
    Place("audit", "audit:commands", "The audit record: verify and export the event chain."),
    Place("provenance", "provenance:commands", "Signed provenance of what serves: get it, verify it offline."),
    Place("served", "served:served", "Show what serves where, since when, who requested it and who approved it."),
    Place("idle", "idle:idle", "Show deployments without traffic, what they cost, and what becomes of them."),
    Place("workers", "workers:workers", "List the workers that hold a lease, and their running steps."),
    Place(
        "approve",
        "decisions:approve",
        "Show what a rollout changes, ask for confirmation, and approve it. Without a terminal use --yes or --digest.",
    ),
    Place(
        "reject",
        "decisions:reject",
        "Reject a rollout that waits. This ends the release. Without a terminal use --reason.",
    ),
    Place(
        "rollback",
        "rollbacks:rollback",
        "Go back to what served before: ahead of all that waits or runs there. Afterwards the target is on hold.",
    ),
    Place("freeze", "freezes:commands", "Freezes: times in which no rollout starts."),
    Place("hold", "freezes:hold", "Create a hold: no rollout of a model or target starts until `unhold`."),
    Place("unhold", "freezes:unhold", "End the holds with exactly this model, stage and target."),
)


class _Mlrelease(Commands):
    places = PLACES


app = typer.Typer(
    cls=_Mlrelease,
    help="Release Azure ML models: request, approve, roll out, audit.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.callback()(lambda: None)  # a group, though Typer is told of none of its commands


def run() -> None:
    app()


if __name__ == "__main__":
    run()
