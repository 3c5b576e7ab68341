"""The one line of a log that says why its program failed."""

import re

from app.evidence.cleaning import bounded, clean
from app.evidence.redaction import redact
from app.evidence.service import fit_line

LONGEST_CAUSE = 300  # characters of an error's own words that a sentence shows

_TRACEBACK = re.compile(r"^(?:[^\n]*\s)?Traceback \(most recent call last\):[ \t]*$", re.M)
_EXCEPTION = re.compile(r"(?=\S)(?P<said>[A-Za-z_][\w.]*(?:: .*)?)$")


def cause_in(log: str) -> str | None:
    """The last exception's last line, cleaned, redacted and short; without a traceback none."""
    text = redact(clean(bounded(log)))  # as a whole: a secret may reach over lines
    begun = [found.end() for found in _TRACEBACK.finditer(text)]
    if not begun:
        return None
    for line in text[begun[-1] :].splitlines():
        if found := _EXCEPTION.match(line):
            return fit_line(found["said"], longest=LONGEST_CAUSE)
    return None


def last_line_of(log: str) -> str | None:
    """What its program wrote last, cleaned, redacted and short."""
    lines = [line for line in redact(clean(bounded(log))).splitlines() if line.strip()]
    return fit_line(lines[-1], longest=LONGEST_CAUSE) if lines else None
