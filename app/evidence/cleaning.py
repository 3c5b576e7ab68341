"""Text that somebody else's program wrote, made fit to keep: plain characters, a bounded size, the last lines of it."""

import re
import unicodedata

MOST_LINES = 200
LONGEST_LINE = 2_000  # characters
LONGEST_TEXT = 64 * 1024  # characters
_LONGEST_READ = 128 * 1024  # characters that are looked at, of however much there is

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_NEW_LINE = re.compile(r"\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
# Control characters, those that turn or hide text, halves of characters, and what is no character: no database, terminal or page
# is served with them, and between the letters of a secret they would hide it from whoever looks for it.
_LEFT_OUT = frozenset({"Cc", "Cf", "Cs", "Cn", "Co"})


def without_colours(text: str) -> str:
    """The text without what only a terminal understands."""
    return _TERMINAL.sub("", text)


def clean(text: str) -> str:
    """All of the text that can be shown: no NUL, no colours, no hidden characters; line ends are ``\\n``."""
    lines = _NEW_LINE.sub("\n", without_colours(text))
    return "".join(each for each in lines if each in "\n\t" or unicodedata.category(each) not in _LEFT_OUT)


def last_lines(text: str) -> str:
    """The end of a cleaned text, as much as is kept."""
    lines = text.rstrip("\n").split("\n")[-MOST_LINES:]
    kept = "\n".join(line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…" for line in lines)
    return kept if len(kept) <= LONGEST_TEXT else "…" + kept[1 - LONGEST_TEXT :]


def bounded(text: str) -> str:
    """The end of a text of any size, before anything is looked for in it."""
    if len(text) <= _LONGEST_READ:
        return text
    return text[-_LONGEST_READ:].partition("\n")[2]  # half a line may be half a secret, without its name
