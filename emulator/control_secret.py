"""The secret that the control API asks for: who can read the emulator's folder may switch faults and make principals."""

import os
import secrets
from pathlib import Path

FILE = "control.secret"


def ensure(data: Path) -> str:
    """The secret of a data folder, made at its first start; only the folder's owner can read the file."""
    file = data / FILE
    if not file.exists():
        half = file.with_name(f".{FILE}.{os.getpid()}")
        half.touch(mode=0o600)
        half.write_text(secrets.token_urlsafe(32))
        half.replace(file)
    file.chmod(0o600)
    return file.read_text()
