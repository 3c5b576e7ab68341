"""Azure ML registries: discovery, assets shared between workspaces, import from a workspace."""

from functools import partial

from fastapi import APIRouter

from emulator.state import Emulator


def routers() -> list[APIRouter]:
    """Discovery, assets of every kind, import."""
    from emulator.assets import kinds_of_assets
    from emulator.registry import registries, routes, sharing

    return [registries.router, routes.router, sharing.router, *(routes.router_of(kind) for kind in kinds_of_assets())]


def register(azure: Emulator) -> None:
    """Tell what the operations of registries do."""
    from emulator.registry import routes, sharing

    async def delete(registry: str) -> None:
        azure.store.delete("registries", registry)

    azure.operations.register("delete_registry", delete, delay="registry")
    azure.operations.register("share", partial(sharing.share, azure), delay="share")
    routes.register(azure)
