"""How tests make the emulated Azure slow or broken, and make principals with few rights. Not part of Azure.

The gate asks for the secret of the data folder (``control_secret``): anybody on the machine reaches the loopback port.
"""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from emulator import identity
from emulator.errors import NotFound
from emulator.faults import OperationFault, RequestFault
from emulator.rights import Assignment
from emulator.state import Azure
from emulator.store import Document

router = APIRouter(prefix="/emulator/v1")


@router.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ready"}


@router.get("/delays")
async def get_delays(azure: Azure) -> dict[str, float]:
    return azure.faults.delays()


@router.put("/delays")
async def put_delays(azure: Azure, seconds: dict[str, float]) -> dict[str, float]:
    """How long operations take, by their names (endpoint, deployment, share, delete, job, token, poll …), in seconds."""
    azure.faults.set_delays(seconds)
    return azure.faults.delays()


@router.post("/faults/requests", status_code=201)
async def add_request_fault(azure: Azure, fault: RequestFault) -> RequestFault:
    azure.faults.add(fault)
    return fault


@router.post("/faults/operations", status_code=201)
async def add_operation_fault(azure: Azure, fault: OperationFault) -> OperationFault:
    azure.faults.add(fault)
    return fault


@router.get("/faults")
async def list_faults(azure: Azure) -> dict[str, list[Document]]:
    """Those that have not struck as often as they shall."""
    return azure.faults.waiting()


@router.delete("/faults")
async def clear(azure: Azure) -> Response:
    """Heal everything: no delays, no faults."""
    azure.faults.clear()
    return Response(status_code=204)


class NewPrincipal(BaseModel):
    name: str
    assignments: list[Assignment] = []


@router.post("/principals", status_code=201)
async def add_principal(azure: Azure, new: NewPrincipal) -> identity.Principal:
    """A service principal with these rights and no others; the answer has its secret."""
    return identity.add_principal(azure, name=new.name, assignments=new.assignments)


@router.delete("/principals/{client_id}")
async def remove_principal(azure: Azure, client_id: str) -> Response:
    if not azure.store.delete("principals", client_id):
        raise NotFound(f"There is no principal {client_id}.")
    return Response(status_code=204)


@router.get("/operations")
async def list_operations(azure: Azure) -> list[Document]:
    return azure.store.children("operations")
