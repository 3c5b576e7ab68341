"""Whether this process lives, and whether it can work."""

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.service import Api
from app.database.migrate import check_schema
from app.errors import Misconfigured, Unavailable

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    status: str


@router.get("/live", summary="The process answers")
async def get_liveness() -> Health:
    """Asks nothing of anybody: for a supervisor that restarts what does not answer."""
    return Health(status="alive")


@router.get("/ready", summary="The process can work: its database answers and has the right schema")
def get_readiness(api: Api) -> Health:
    """For a load balancer: only a process that answers 200 is to be asked."""
    try:
        check_schema(api.database)
    except Misconfigured as wrong:  # since this process began: another one is to be asked meanwhile
        raise Unavailable(wrong.sentence, code=wrong.code, hint=wrong.hint) from wrong
    return Health(status="ready")
