"""A plan's guardrails as text."""

import json
from collections.abc import Iterator

from app.documents.json_object import Json


def guardrail_lines(plan: Json) -> Iterator[str]:
    """The guardrails that apply, and what made the approval policy stricter than the definition."""
    for rule in plan["guardrails"]:
        demands = "; ".join(f"{key} {json.dumps(value, ensure_ascii=False)}" for key, value in rule["demands"].items())
        yield f"  guardrail {rule['rule']!r}: {demands or 'allows this stage'}"
    for raised in (plan["policy"] or {}).get("raised", ()):
        yield f"  approval policy made stricter by {raised['by']}: {', '.join(raised['in'])}"
