"""Delays and faults that tests switch on, over ``/emulator/v1/…`` on the same loopback port.

Nothing is wrong and everything is instant until somebody asks for it.
"""

import asyncio
import re
from contextlib import suppress
from typing import Literal

from pydantic import BaseModel, Field

from emulator.errors import OperationFailed
from emulator.store import Store


class RequestFault(BaseModel):
    """What happens to the next ``times`` requests whose method and path match."""

    method: str = ".*"
    path: str
    times: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0, description="let that many matching requests pass first")
    status: int | None = Field(default=None, description="answer this instead")
    code: str = "InternalServerError"
    message: str = "The emulator was told to fail here."
    retry_after: float | None = Field(default=None, description="seconds, sent as Retry-After")
    delay: float = Field(default=0.0, ge=0, description="seconds before anything else, or until somebody heals")
    cut: Literal["before", "after"] | None = Field(
        default=None, description="close the connection before the request is handled, or after it took effect"
    )


class OperationFault(BaseModel):
    """How the next ``times`` operations of a kind end."""

    operation: str = Field(description="the operation's delay name: endpoint, deployment, share, delete, …")
    resource: str = ".*"
    times: int = Field(default=1, ge=1)
    code: str = "InternalServerError"
    message: str = "The emulator was told to fail here."
    never_ends: bool = False


class Faults:
    """The delays and faults in force; kept in the store, so that a restart does not heal anything."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._healed = asyncio.Event()

    def set_delays(self, seconds: dict[str, float]) -> None:
        self._store.put("control", "delays", body={**self.delays(), **seconds})

    def delays(self) -> dict[str, float]:
        return self._store.get("control", "delays") or {}

    def seconds(self, name: str) -> float:
        """How long an operation of this name takes."""
        return float(self.delays().get(name, 0.0))

    def add(self, fault: RequestFault | OperationFault) -> None:
        kind = "requests" if isinstance(fault, RequestFault) else "operations"
        with self._store.transaction():
            listed = self._listed(kind)
            self._store.put("control", kind, body={"faults": [*listed, fault.model_dump()]})

    def waiting(self) -> dict[str, list[dict[str, object]]]:
        """Of requests and of operations."""
        return {kind: self._listed(kind) for kind in ("requests", "operations")}

    def clear(self) -> None:
        self._store.delete("control")
        self._healed.set()
        self._healed = asyncio.Event()

    async def hold(self, fault: RequestFault) -> None:
        """Return after the fault's delay, or as soon as everything is healed."""
        with suppress(TimeoutError):
            async with asyncio.timeout(fault.delay):
                await self._healed.wait()

    def next_request(self, method: str, path: str) -> RequestFault | None:
        """The fault that strikes this request, used up by one."""
        if not self._listed("requests"):  # nearly always: no transaction for that
            return None
        with self._store.transaction():
            faults = [RequestFault.model_validate(each) for each in self._listed("requests")]
            for fault in faults:
                if not (re.fullmatch(fault.method, method, re.I) and re.search(fault.path, path, re.I)):
                    continue
                struck = None
                if fault.skip:
                    fault.skip -= 1
                else:
                    fault.times -= 1
                    struck = fault.model_copy()
                left = [each.model_dump() for each in faults if each.times > 0]
                self._store.put("control", "requests", body={"faults": left})
                return struck
        return None

    async def strike_operation(self, name: str, *, resource: str) -> None:
        """Raise OperationFailed, or never return, when a fault is waiting for this operation."""
        with self._store.transaction():
            faults = [OperationFault.model_validate(each) for each in self._listed("operations")]
            for fault in faults:
                if fault.operation == name and re.search(fault.resource, resource, re.I):
                    # One that never ends stays in force: after a restart the operation must still not end.
                    fault.times -= 0 if fault.never_ends else 1
                    left = [each.model_dump() for each in faults if each.times > 0]
                    self._store.put("control", "operations", body={"faults": left})
                    break
            else:
                return
        if fault.never_ends:
            await asyncio.Event().wait()
        raise OperationFailed(fault.code, fault.message)

    def _listed(self, kind: str) -> list[dict[str, object]]:
        return (self._store.get("control", kind) or {"faults": []})["faults"]  # type: ignore[no-any-return] # JSON
