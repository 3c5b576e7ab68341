"""Long-running operations: begun by a request, carried on in the background, kept over restarts.

A module registers what an operation of a kind does (an *action*) and begins one with plain JSON arguments. An action may be
interrupted at any moment by the end of the process and is then begun again from its start, so actions converge.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from emulator.errors import AzureError, OperationFailed
from emulator.faults import Faults
from emulator.store import Document, Store

log = logging.getLogger(__name__)

Status = Literal["InProgress", "Succeeded", "Failed", "Canceled"]
Action = Callable[..., Awaitable[Document | None]]


@dataclass
class Operations:
    """All operations of this emulator, by id."""

    store: Store
    faults: Faults
    _actions: dict[str, tuple[Action, str]] = field(default_factory=dict)
    _running: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def register(self, kind: str, action: Action, *, delay: str) -> None:
        """Tell what an operation of this kind does, and under which name its duration is set (see ``faults``)."""
        self._actions[kind] = (action, delay)

    def begin(self, kind: str, *, resource: str, **arguments: Any) -> str:
        """Record and start an operation; its id. ``arguments`` must be plain JSON: they are replayed after a restart."""
        operation = f"{kind}:{uuid.uuid4()}"
        self.store.put(
            "operations",
            operation,
            body={
                "id": operation,
                "kind": kind,
                "resource": resource,
                "arguments": arguments,
                "status": "InProgress",
                "begun": time.time(),
                "error": None,
                "result": None,
            },
        )
        self._start(operation)
        return operation

    def get(self, operation: str) -> Document | None:
        return self.store.get("operations", operation)

    def busy(self, resource: str) -> bool:
        """Whether an operation on this resource is still running."""
        return any(
            document["resource"] == resource and document["status"] == "InProgress"
            for document in self.store.children("operations")
        )

    def resume(self) -> None:
        """After a restart: begin again what was not finished."""
        for document in self.store.children("operations"):
            if document["status"] == "InProgress":
                self._start(document["id"])

    async def settle(self) -> None:
        """Stop waiting for what runs; it is begun again at the next start."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, operation: str) -> None:
        task = asyncio.get_running_loop().create_task(self._carry_out(operation))
        self._running[operation] = task
        task.add_done_callback(lambda _: self._running.pop(operation, None))

    async def _carry_out(self, operation: str) -> None:
        document = self.store.get("operations", operation)
        if document is None:
            raise LookupError(operation)
        action, delay = self._actions[document["kind"]]
        try:
            # The duration counts from when the operation began, so that a restart does not begin it anew.
            await asyncio.sleep(max(0.0, document["begun"] + self.faults.seconds(delay) - time.time()))
            await self.faults.strike_operation(delay, resource=document["resource"])
            result = await action(**document["arguments"])
        except asyncio.CancelledError:
            raise
        except (OperationFailed, AzureError) as failure:
            self._finish(operation, "Failed", error={"code": failure.code, "message": failure.message})
        except Exception as failure:
            log.exception("operation %s broke", operation)
            self._finish(operation, "Failed", error={"code": "InternalServerError", "message": repr(failure)})
        else:
            self._finish(operation, "Succeeded", result=result)

    def _finish(
        self, operation: str, status: Status, *, error: Document | None = None, result: Document | None = None
    ) -> None:
        with self.store.transaction():
            document = self.store.get("operations", operation)
            if document is not None:  # deleted together with its resource
                self.store.put(
                    "operations", operation, body={**document, "status": status, "error": error, "result": result}
                )
