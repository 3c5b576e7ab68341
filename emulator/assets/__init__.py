"""Versioned assets of a workspace: models, environments, codes, data, components."""

from typing import TYPE_CHECKING

from fastapi import APIRouter

if TYPE_CHECKING:
    from emulator.assets.kinds import Kind


def kinds_of_assets() -> "list[Kind]":
    """Every kind that the emulator knows."""
    # Imported late: rooms below this one (blob, jobs) use single modules of it.
    from emulator.assets.codes import CODES
    from emulator.assets.components import COMPONENTS
    from emulator.assets.data import DATA
    from emulator.assets.environments import ENVIRONMENTS
    from emulator.assets.models import MODELS

    return [MODELS, ENVIRONMENTS, CODES, DATA, COMPONENTS]


def routers() -> list[APIRouter]:
    """The routes of every kind."""
    from emulator.assets.routes import router_of

    return [router_of(kind) for kind in kinds_of_assets()]
