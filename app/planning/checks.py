"""What was looked at before a release was planned."""

from typing import Literal

from app.planning.frozen import Frozen


class Check(Frozen):
    """One thing that was looked at. ``stage`` None: of the release as a whole. Unknown: Azure did not tell. Warning: it does not stop
    a release, and people should know it before they approve. ``rows``: what was found of each part, where there are some."""

    stage: str | None
    check: str
    outcome: Literal["passed", "warning", "failed", "unknown"]
    code: str
    sentence: str
    hint: str | None = None
    rows: tuple[str, ...] = ()
