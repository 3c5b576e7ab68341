"""The ``mlrelease`` command, put together."""

import typer

from app.cli import (
    audit,
    control,
    decisions,
    demo,
    freezes,
    idle,
    jobs,
    models,
    programs,
    provenance,
    releases,
    rollbacks,
    served,
    targets,
    tokens,
    webhooks,
    workers,
)
from app.cli.exits import MEANINGS
from app.cli.options import Commands

_EPILOG = "Exit status: " + "; ".join(f"{status.value} {meaning}" for status, meaning in MEANINGS.items()) + "."

app = typer.Typer(
    cls=Commands,
    help="Release Azure ML models: request, approve, roll out, audit.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
for command in (programs.up, programs.serve, programs.worker, programs.migrate):
    app.command(rich_help_panel="Processes")(command)
app.command()(demo.demo)
app.add_typer(models.commands, name="models")
app.add_typer(jobs.commands, name="jobs")
releases.commands.command()(control.pause)
releases.commands.command()(control.resume)
releases.commands.command()(control.retry)
releases.commands.command()(control.advance)
releases.commands.command()(control.extend)
releases.commands.command()(control.abort)
app.add_typer(releases.commands, name="release")
app.add_typer(targets.commands, name="targets")
app.add_typer(webhooks.commands, name="webhooks")
app.add_typer(tokens.commands, name="tokens")
app.add_typer(audit.commands, name="audit")
app.add_typer(provenance.commands, name="provenance")
app.command()(served.served)
app.command()(idle.idle)
app.command()(workers.workers)
app.command()(decisions.approve)
app.command()(decisions.reject)
app.command()(rollbacks.rollback)
app.add_typer(freezes.commands, name="freeze")
app.command()(freezes.hold)
app.command()(freezes.unhold)


def run() -> None:
    app()


if __name__ == "__main__":
    run()
