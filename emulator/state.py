"""What every room of the emulator shares, handed to routes as a dependency."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, cast

from fastapi import Depends, Request

from emulator.faults import Faults
from emulator.operations import Operations
from emulator.store import Store


@dataclass(frozen=True)
class Emulator:
    """One emulated Azure: its folder, memory, operations and faults, and the address that clients know it by."""

    data: Path
    control_secret: str  # what the control API asks for
    base_url: str  # https://127.0.0.1:PORT, without a slash at the end
    store: Store
    faults: Faults
    operations: Operations
    rooms: dict[str, Any] = field(default_factory=dict)  # what a room keeps in memory only, by the room's name

    @property
    def authority(self) -> str:
        """127.0.0.1:PORT: what storage account names are made of, see ``blob``."""
        return self.base_url.removeprefix("https://")


def _emulator(request: Request) -> Emulator:
    return cast(Emulator, request.app.state.emulator)


Azure = Annotated[Emulator, Depends(_emulator)]
