"""Webhooks and deliveries over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field

from app.api.bodies import Body, Name
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.paging import Cursor, Limit, number_of, page_end
from app.api.permissions import AdminOfAll
from app.api.service import Api, Service
from app.api.webhook_views import (
    DeliveryPage,
    DeliveryView,
    Redelivered,
    WebhookPage,
    WebhookView,
    WebhookWithSecret,
)
from app.documents.named import Named
from app.notifications import queries, service
from app.notifications.keys import secret_of, signing_keys
from app.notifications.outgoing import LONGEST_URL, check_url
from app.notifications.tables import DeliveryStatus
from app.releasing.work import Work

router = APIRouter(prefix="/v1", tags=["notifications"])

Kind = Annotated[
    str, Named(r"^[a-z_]{1,40}\.(\*|[a-z_]{1,60})$", "a kind of event, such as `release.succeeded` or `release.*`")
]
Status = Annotated[DeliveryStatus | None, Query(description="`dead`: no longer retried")]
DeliveryId = Annotated[int, Path(ge=1, le=2**31 - 1)]


class NewWebhook(Body):
    """A webhook: its address, and the events that it receives."""

    url: str = Field(min_length=1, max_length=LONGEST_URL, examples=["https://hooks.example.com/mlrelease"])
    kinds: list[Kind] = Field(
        default_factory=list, max_length=50, description="none: all", examples=[["release.*", "approval.approved"]]
    )
    models: list[Name] = Field(
        default_factory=list, max_length=100, description="none: all", examples=[["sentiment-model"]]
    )
    note: str | None = Field(default=None, max_length=1000)


@router.post(
    "/webhooks",
    status_code=201,
    response_model=WebhookWithSecret,
    responses=refusals(409, 413),
    summary="Create a webhook",
)
def create_webhook(api: Api, once: Once, who: AdminOfAll, body: NewWebhook) -> Response:
    """Events are signed as the Standard Webhooks specification says. The `secret` is in this response only; rotate it to get another."""
    signing_keys(api.settings)  # without one nothing could ever be sent
    check_url(body.url, networks=api.settings.webhook_networks, without_tls=api.settings.webhook_http)

    def act(work: Work) -> Answer:
        webhook = service.create_webhook(work, **body.model_dump())
        return Answer(201, WebhookView.of(webhook), location=f"/v1/webhooks/{webhook.id}")

    return _with_secret(api, once(who, act, body=body))


@router.get("/webhooks", summary="Webhooks")
def list_webhooks(api: Api, _who: AdminOfAll) -> WebhookPage:
    """The oldest first."""
    return WebhookPage(items=[WebhookView.of(each) for each in api.read(queries.list_webhooks)])


@router.get("/webhooks/{webhook_id}", responses=refusals(404), summary="One webhook")
def get_webhook(api: Api, _who: AdminOfAll, webhook_id: str) -> WebhookView:
    """Without its secret."""
    return WebhookView.of(api.read(lambda session: queries.get_webhook(session, webhook_id)))


@router.delete("/webhooks/{webhook_id}", status_code=204, responses=refusals(404), summary="Delete a webhook")
def delete_webhook(api: Api, who: AdminOfAll, webhook_id: str) -> None:
    """Its pending deliveries are deleted too."""
    api.releasing.transact(who, lambda work: service.delete_webhook(work, webhook_id))


@router.post(
    "/webhooks/{webhook_id}/rotate",
    response_model=WebhookWithSecret,
    responses=refusals(404, 409, 413),
    summary="Rotate a webhook's secret",
)
def rotate_webhook_secret(api: Api, once: Once, who: AdminOfAll, webhook_id: str) -> Response:
    """The previous secret also signs for a day, so that the receiver can change over."""
    return _with_secret(
        api, once(who, lambda work: Answer(200, WebhookView.of(service.rotate_secret(work, webhook_id))))
    )


@router.post(
    "/webhooks/{webhook_id}/test",
    response_model=WebhookView,
    responses=refusals(404, 409, 413),
    summary="Send a test event",
)
def send_test_event(once: Once, who: AdminOfAll, webhook_id: str) -> Response:
    """The webhook's deliveries show the result."""
    return once(who, lambda work: Answer(200, WebhookView.of(service.try_webhook(work, webhook_id))))


@router.post(
    "/webhooks/{webhook_id}/redeliver",
    response_model=Redelivered,
    responses=refusals(404, 413),
    summary="Send a webhook's dead deliveries again",
)
def redeliver_to_webhook(once: Once, who: AdminOfAll, webhook_id: str) -> Response:
    """Each with the same `webhook-id` as before."""

    def act(work: Work) -> Answer:
        count = service.redeliver_all_dead(work, webhook_id)
        return Answer(200, Redelivered(count=count))

    return once(who, act)


@router.get("/webhooks/{webhook_id}/deliveries", responses=refusals(404), summary="A webhook's deliveries")
def list_webhook_deliveries(
    api: Api, _who: AdminOfAll, webhook_id: str, status: Status = None, limit: Limit = 50, cursor: Cursor = None
) -> DeliveryPage:
    """The newest first, including pending and dead ones."""
    api.read(lambda session: queries.get_webhook(session, webhook_id))
    return _page(api, recipient=service.recipient_of(webhook_id), status=status, limit=limit, cursor=cursor)


@router.get("/deliveries", summary="All deliveries, to webhooks and chats")
def list_deliveries(
    api: Api, _who: AdminOfAll, status: Status = None, limit: Limit = 50, cursor: Cursor = None
) -> DeliveryPage:
    """The newest first. `status=dead` lists the dead letters."""
    return _page(api, recipient=None, status=status, limit=limit, cursor=cursor)


@router.post(
    "/deliveries/{delivery_id}/redeliver",
    response_model=DeliveryView,
    responses=refusals(404, 409, 413),
    summary="Send a delivery again",
)
def redeliver_one(once: Once, who: AdminOfAll, delivery_id: DeliveryId) -> Response:
    """With the same `webhook-id`. A pending delivery is refused (409)."""
    return once(who, lambda work: Answer(200, DeliveryView.of(service.redeliver_one(work, delivery_id))))


def _with_secret(api: Service, given: Response) -> Response:
    """Add the secret to the response only: the stored idempotent response must not contain it."""
    view = WebhookView.model_validate_json(bytes(given.body))
    webhook = api.read(lambda session: queries.get_webhook(session, view.id))
    shown = WebhookWithSecret(**view.model_dump(), secret=secret_of(signing_keys(api.settings), webhook))
    headers = {"Cache-Control": "no-store"}
    if "location" in given.headers:
        headers["Location"] = given.headers["location"]
    return Response(
        shown.model_dump_json(), status_code=given.status_code, media_type="application/json", headers=headers
    )


def _page(
    api: Service, *, recipient: str | None, status: DeliveryStatus | None, limit: int, cursor: str | None
) -> DeliveryPage:
    before = number_of(cursor)
    rows = api.read(
        lambda session: queries.list_deliveries(
            session, recipient=recipient, status=status, before=before, limit=limit + 1
        )
    )
    return DeliveryPage(
        items=[DeliveryView.of(each) for each in rows[:limit]], next=page_end(rows, limit, lambda row: row.id)
    )
