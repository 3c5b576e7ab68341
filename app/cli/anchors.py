"""An event that somebody noted, as people write it: SEQ:HASH."""

import os
from pathlib import Path

from app.attestations.verification import Anchor
from app.cli.refusals import UsageMistake

ANCHOR = "SEQ:HASH"
_LONGEST = 18  # digits


def anchor_in(written: str) -> Anchor:
    """Raises UsageMistake."""
    seq, _, noted = written.partition(":")
    if not (seq.isascii() and seq.isdecimal() and len(seq) <= _LONGEST and noted):
        raise UsageMistake(f"{written!r} is not an anchor.", code="anchor_invalid", hint=f"Write it as {ANCHOR}.")
    return Anchor(int(seq), noted)


def anchor_noted(file: Path) -> Anchor | None:
    """What was noted in a file the last time; None: there is none yet. Raises UsageMistake."""
    try:
        return anchor_in(file.read_text().strip())
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as broken:
        raise UsageMistake(f"{file} cannot be read: {broken}.", code="anchor_unreadable") from broken


def note_anchor(file: Path, anchor: Anchor) -> None:
    """In place of what was noted before, whole or not at all; for its owner alone. Raises UsageMistake."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as new:
            new.write(f"{anchor.seq}:{anchor.hash}\n")
        draft.replace(file)
    except OSError as broken:
        draft.unlink(missing_ok=True)
        raise UsageMistake(f"{file} cannot be written: {broken}.", code="anchor_not_noted") from broken
