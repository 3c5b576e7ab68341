"""What was looked at before a release was planned."""

from typing import Literal

from app.planning.frozen import Frozen


class Check(Frozen):
    """One thing that was looked at. ``stage`` None: of the release as a whole. Unknown: Azure did not tell."""

    stage: str | None
    check: str
    outcome: Literal["passed", "failed", "unknown"]
    code: str
    sentence: str
    hint: str | None = None
