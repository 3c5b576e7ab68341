"""Liveness and readiness of this process."""

from fastapi import APIRouter
from pydantic import BaseModel

from app.api.service import Api
from app.database.revision import check_schema
from app.errors import Misconfigured, Unavailable

router = APIRouter(prefix="/health", tags=["health"])


class Health(BaseModel):
    status: str


@router.get("/live", summary="The process responds")
async def get_liveness() -> Health:
    """Checks nothing else: for a supervisor that restarts a process that does not respond."""
    return Health(status="alive")


@router.get("/ready", summary="The process can work: the database responds and has the right schema")
def get_readiness(api: Api) -> Health:
    """For a load balancer: send requests only to a process that responds with 200."""
    try:
        check_schema(api.database)
    except Misconfigured as wrong:  # since this process began: another one is to be asked meanwhile
        raise Unavailable(wrong.sentence, code=wrong.code, hint=wrong.hint) from wrong
    return Health(status="ready")
