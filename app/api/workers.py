"""The workers over HTTP."""

from fastapi import APIRouter
from sqlmodel import Session

from app.api.permissions import Viewer
from app.api.service import Api
from app.api.views import WorkerPage, WorkerView
from app.identity.roles import Permission
from app.releases.queries import running_steps
from app.workers.queries import list_workers

router = APIRouter(prefix="/v1/workers", tags=["workers"])


@router.get("", summary="Workers that hold a lease, and what they drive")
def get_workers(api: Api, who: Viewer) -> WorkerPage:
    """One that was killed is shown until its lease has run out. Of what it drives, the steps of models that you may see."""

    def query(session: Session) -> list[WorkerView]:
        steps = running_steps(session, visible=who.models(Permission.VIEW))
        return [WorkerView.of(worker, steps=steps) for worker in list_workers(session)]

    return WorkerPage(items=api.read(query))
