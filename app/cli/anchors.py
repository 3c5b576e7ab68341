"""An event that somebody noted, as people write it: SEQ:HASH."""

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
