"""Checking the file of a public key that signatures of models are verified with."""

from collections.abc import Iterator
from pathlib import Path

from app.attestations.keys import LARGEST, read_public_keys
from app.errors import Invalid, Mistake


def check_public_key(path: Path, *, name: str) -> Iterator[Mistake]:
    """Everything wrong with the file; ``name`` is what mistakes call it."""
    try:
        with path.open("rb") as opened:
            content = opened.read(LARGEST + 1)
        read_public_keys(content, what="")
    except OSError as broken:
        yield Mistake(f"cannot be read: {broken.strerror}", file=name)
        return
    except Invalid as no:
        yield Mistake(no.sentence.strip().rstrip("."), file=name)
        return
    if b"PRIVATE KEY-----" in content:
        yield Mistake("has a private key: name a file that has the public one alone", file=name)
