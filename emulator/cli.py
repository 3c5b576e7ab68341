"""``azureml-emulator serve`` and ``azureml-emulator env``."""

import errno
import fcntl
import json
import shlex
import signal
import socket
import sqlite3
import sys
from pathlib import Path
from typing import IO, Annotated, Any, NoReturn

import typer

commands = typer.Typer(
    help="Azure ML on localhost, for the unmodified Azure ML SDK.", no_args_is_help=True, add_completion=False
)

HOST = "127.0.0.1"
_STATE = "emulator.json"

Data = Annotated[Path, typer.Option("--data", help="The folder with everything this emulator knows.")]


@commands.command()
def serve(
    data: Data,
    port: Annotated[int, typer.Option("--port", help="The port on 127.0.0.1; 0 takes a free one.")] = 8443,
    ready_file: Annotated[
        Path | None, typer.Option("--ready-file", help="Written, with the address, when requests are answered.")
    ] = None,
) -> None:
    """Serve Azure ML until stopped. What was there is there again at the next start."""
    # Uvicorn ends in order and then lets the signal take its course: which is that all went well.
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: sys.exit(0))
    # Only here: ``env`` is asked at each start of a stack, and needs none of it.
    from emulator.running import run_emulator
    from emulator.server import is_disk_full

    try:
        data.mkdir(parents=True, exist_ok=True)
        data.chmod(0o700)  # tokens' keys, secrets of principals, everybody's models
        lock = _lock(data)
        if lock is None:
            _end(
                f"Another emulator (process {_recorded(data).get('pid', '?')}) is already running on {data}. Stop it first."
            )
        listener = _listen(port)
        base_url = f"https://{HOST}:{listener.getsockname()[1]}"
        run_emulator(data.resolve(), base_url, listener, state_file=data.resolve() / _STATE, ready_file=ready_file)
        lock.close()
    except (OSError, sqlite3.Error) as error:
        if is_disk_full(error):
            _end(f"There is no room left on the disk of {data}. Make room and start again.")
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            _end(f"The folder {data} cannot be used: {error.strerror}.")
        if isinstance(error, sqlite3.DatabaseError):
            _end(f"The emulator's memory in {data} cannot be read: {error}.")
        raise


@commands.command()
def env(
    data: Data,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object instead of shell exports.")] = False,
) -> None:
    """Print the environment variables with which any Azure ML SDK script works against the emulator."""
    if not data.is_dir() or (lock := _lock(data)) is not None:
        if data.is_dir() and lock is not None:
            lock.close()
        _end(f"No emulator is running on {data}. Start one: azureml-emulator serve --data {shlex.quote(str(data))}")
    recorded = _recorded(data)
    if "environment" not in recorded:
        _end(f"The emulator on {data} is still starting. Try again in a moment.")
    if as_json:
        typer.echo(json.dumps(recorded["environment"], indent=2))
        return
    for name, value in recorded["environment"].items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _lock(data: Path) -> IO[str] | None:
    """The data folder's lock, held while the file is open; None when another process has it."""
    opened = (data / "lock").open("a")
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        opened.close()
        return None
    return opened


def _listen(port: int) -> socket.socket:
    # With its protocol named: only then does asyncio switch off Nagle's delay, which costs 40 ms on every request.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            _end(f"Port {port} on {HOST} is in use. Choose another with --port, or 0 for any free one.")
        if error.errno == errno.EACCES:
            _end(f"Port {port} needs more rights. Choose one above 1023.")
        raise
    except OverflowError:
        _end(f"{port} is not a port: choose one from 0 to 65535.")
    return listener


def _recorded(data: Path) -> dict[str, Any]:
    try:
        recorded: dict[str, Any] = json.loads((data / _STATE).read_text())
    except FileNotFoundError:
        return {}
    return recorded


def _end(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)


def run() -> None:
    commands()
