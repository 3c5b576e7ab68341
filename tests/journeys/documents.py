"""The table of settings in docs/production.md: ``python -m tests.journeys.documents`` prints it as it should be."""

import sys

from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from app.settings import Settings

HEADER = "| variable | default | meaning |\n|---|---|---|\n"


def settings_table() -> str:
    """Every setting, in the order of ``app/settings.py``."""
    return HEADER + "".join(
        f"| `{variable(name)}` | {_default(field)} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    )


def _default(field: FieldInfo) -> str:
    default = str(field.get_default(call_default_factory=True))
    return "" if default in {"", "None", "()", "{}"} else f"`{default}`"


def variable(name: str) -> str:
    alias = Settings.model_fields[name].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"MLRELEASE_{name.upper()}"


if __name__ == "__main__":
    sys.stdout.write(settings_table())
