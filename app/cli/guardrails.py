"""What the platform demands of a stage, as a plan says it, in lines for people."""

import json
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def guardrail_lines(plan: Json) -> Iterator[str]:
    """Which guardrails hold, and by what the definition's own approval policy was raised; nothing where there is neither."""
    for rule in plan.get("guardrails", ()):
        demands = "; ".join(f"{key} {json.dumps(value, ensure_ascii=False)}" for key, value in rule["demands"].items())
        yield f"  guardrail {rule['rule']!r}: {demands or 'lets it go there'}"
    for raised in plan.get("policy", {}).get("raised", ()):
        yield f"  approval raised by {raised['by']}: {', '.join(raised['in'])}"
