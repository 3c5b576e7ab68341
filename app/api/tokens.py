"""API tokens over HTTP: create, list, revoke."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from app.api.bodies import Body, Name
from app.api.documentation import refusals
from app.api.idempotency import Answer, IdempotencyKey, Once
from app.api.paging import Cursor, Limit, Page, moment_of, page_end
from app.api.permissions import AdminOfAll
from app.api.service import Api
from app.identity import tokens
from app.identity.names import PersonName
from app.identity.roles import Grant, Role
from app.identity.tables import ApiToken
from app.releasing import tokens as use_cases
from app.releasing.work import Work

router = APIRouter(prefix="/v1/tokens", tags=["tokens"])


class GrantBody(Body):
    """A role, for one model or for all."""

    role: Role = Field(description="the role")
    model: Name | None = Field(default=None, description="absent: for all models", examples=["sentiment-model"])


class NewToken(Body):
    """A token for a person or a program."""

    name: PersonName = Field(description="the holder's name: events and approvals record it", examples=["ci"])
    grants: list[GrantBody] = Field(min_length=1, max_length=200, description="what it allows")
    days: int = Field(default=90, ge=1, le=tokens.LONGEST.days, description="days until it expires")
    note: str | None = Field(default=None, max_length=1000, description="its purpose")


class TokenView(BaseModel):
    id: str
    name: str
    note: str | None
    grants: list[GrantBody]
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None

    @classmethod
    def of(cls, token: ApiToken) -> "TokenView":
        return cls(**token.model_dump(include=set(cls.model_fields)))


class NewTokenView(TokenView):
    secret: str = Field(description="shown once, and stored nowhere")


class TokenPage(Page):
    items: list[TokenView]


@router.post(
    "", status_code=201, response_model=NewTokenView, responses=refusals(409, 413), summary="Create an API token"
)
def create_token(api: Api, who: AdminOfAll, body: NewToken, idempotency_key: IdempotencyKey = None) -> Response:
    """The secret is in this response only. The same request with the same idempotency key gets 409, not the secret again."""

    def act(work: Work) -> tuple[ApiToken, str]:
        return use_cases.create_token(
            work,
            name=api.access.person(body.name).name,
            grants=[Grant(each.role, each.model) for each in body.grants],
            expires_at=work.now + timedelta(days=body.days),
            note=body.note,
            idempotency_key=idempotency_key,
        )

    token, secret = api.releasing.transact(who, act)
    view = NewTokenView(**TokenView.of(token).model_dump(), secret=secret)
    return JSONResponse(view.model_dump(mode="json"), status_code=201, headers={"Cache-Control": "no-store"})


@router.get("", summary="API tokens, the newest first")
def list_tokens(api: Api, _who: AdminOfAll, cursor: Cursor = None, limit: Limit = 50) -> TokenPage:
    """Their holders, grants and last use (to the minute). Secrets are not shown."""
    before = moment_of(cursor)
    found = api.read(lambda session: tokens.list_tokens(session, before=before, limit=limit + 1))
    end = page_end(found, limit, lambda each: f"{each.created_at.isoformat()} {each.id}")
    return TokenPage(items=[TokenView.of(each) for each in found[:limit]], next=end)


@router.post(
    "/{token_id}/revoke", response_model=TokenView, responses=refusals(404, 409, 413), summary="Revoke an API token"
)
def revoke_token(once: Once, who: AdminOfAll, token_id: str) -> Response:
    """The token is refused from now on. Revoking it again changes nothing."""
    return once(who, lambda work: Answer(200, TokenView.of(use_cases.revoke_token(work, token_id))))
