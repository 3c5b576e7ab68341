"""Whether this process lives, and whether it can work."""

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.service import Api
from app.database.migrate import check_schema

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    status: str


@router.get("/live", summary="The process answers")
async def live() -> Health:
    return Health(status="alive")


@router.get("/ready", summary="The process can work: its database answers and has the right schema")
def ready(api: Api) -> Health:
    check_schema(api.database)
    return Health(status="ready")
