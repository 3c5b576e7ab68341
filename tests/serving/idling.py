"""Deployments without traffic, as they are known at one noon."""

from datetime import UTC, datetime, timedelta
from typing import Any

from app.serving.retention import Idle

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def idle(name: str, *, days: float, good: bool = True, **more: Any) -> Idle:
    """Without traffic for so many days."""
    given = {"release": name.replace("r", "churn-"), "model": "churn", "instance_type": "Standard_E2s_v3", **more}
    return Idle(name=name, good=good, since=NOW - timedelta(days=days), **{"instance_count": 2, **given})
