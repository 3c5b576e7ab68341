"""A command as a real subprocess: its log in a file, its end awaited, its whole process group ended on cancellation."""

import asyncio
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

# What Azure gives a container between asking it to stop and killing it.
GRACE_SECONDS = 5.0
_SUPERVISOR = Path(__file__).with_name("supervisor.py")


async def run_command(
    command: str, *, folder: Path, log: Path, environment: Mapping[str, str], timeout: float | None
) -> int:
    """The command's exit status. Raises TimeoutError after ``timeout`` seconds; a cancelled caller ends the command too."""
    shell = shutil.which("bash") or "/bin/sh"
    with log.open("ab") as output:
        supervisor = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-S",
            str(_SUPERVISOR),
            str(GRACE_SECONDS),
            shell,
            command,
            cwd=folder,
            env=dict(environment),
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,  # a Ctrl-C in the emulator's terminal is the emulator's to handle
        )
    try:
        async with asyncio.timeout(timeout):
            return await supervisor.wait()
    finally:
        if supervisor.stdin is not None:
            supervisor.stdin.close()  # tells the supervisor to end the command, if it still runs
        await asyncio.shield(supervisor.wait())
