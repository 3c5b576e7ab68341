"""``mlrelease up``: run everything on this machine, until Ctrl-C.

A program of its own (``python -m app.cli.up``), because reading the settings costs imports that the other commands can do without.
"""

if __name__ == "__main__":  # before the imports: it begins anew
    from app.process.environment import hide_secrets

    hide_secrets()

import json
import shlex
import sys
import time
from pathlib import Path

from app.cli.development_login import DEFAULT_DATA
from app.cli.options import DEFAULT_SERVER
from app.errors import MlreleaseError
from app.local.stack import Stack
from app.local.stopping import Stopped, stopped_by_signals
from app.settings import Settings, read_settings

LOOK_SECONDS = 0.25


def up(settings: Settings, *, as_json: bool) -> None:
    """Start everything, print the addresses, and run until a signal or the end of one of the processes."""
    with stopped_by_signals(), _stack(settings) as stack:
        _announce(stack, as_json=as_json)
        while True:
            stack.check()
            time.sleep(LOOK_SECONDS)


def _stack(settings: Settings) -> Stack:
    return Stack(
        data=settings.data,
        host=settings.host,
        port=settings.port,
        emulator_port=settings.emulator_port if settings.azure == "local" else None,
        variables={"MLRELEASE_DATABASE_URL": settings.database_url},
    )


def _announce(stack: Stack, *, as_json: bool) -> None:
    azure, portal = stack.azure_address, stack.portal_address
    if as_json:
        where = {
            "api": stack.address,
            "docs": f"{stack.address}/docs",
            "portal": portal,
            "azure": azure,
            "data": str(stack.data),
        }
        sys.stdout.write(json.dumps(where, indent=2) + "\n")
    else:
        lines = [
            "mlrelease is up.",
            f"  portal    {portal}",
            f"  API       {stack.address}  (documentation: {stack.address}/docs)",
            f'  Azure ML  {azure}  (emulated; for SDK scripts: eval "$(azureml-emulator env --data {stack.data}/azure)")'
            if azure
            else "  Azure ML  the real one",
            f"  data      {stack.data}",
            f"  logs      {stack.logs}",
            *_for_other_terminals(stack),
            "Ctrl-C stops everything.",
        ]
        sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _for_other_terminals(stack: Stack) -> list[str]:
    """The variables that commands need to find this service."""
    missing = []
    if stack.address != DEFAULT_SERVER:
        missing.append(f"MLRELEASE_SERVER={stack.address}")
    if stack.data != Path.cwd() / DEFAULT_DATA:
        missing.append(f"MLRELEASE_DATA={shlex.quote(str(stack.data))}")
    return [f"In other terminals: export {' '.join(missing)}"] if missing else []


def run() -> None:
    try:
        up(read_settings(), as_json="--json" in sys.argv[1:])
    except Stopped:
        return
    except MlreleaseError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    run()
