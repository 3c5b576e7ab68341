"""Provenance over HTTP: signed documents, and the public keys that verify them."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.api.documentation import refusals
from app.api.permissions import Viewer
from app.api.service import Api
from app.releasing.provenance import provenance_keys, signed_provenance

router = APIRouter(tags=["provenance"])


class SignatureView(BaseModel):
    keyid: str
    sig: str


class EnvelopeView(BaseModel):
    """A DSSE envelope: `payload` is an in-toto statement in base64, with SLSA provenance v1 as its predicate."""

    payloadType: str = Field(examples=["application/vnd.in-toto+json"])  # noqa: N815 # as DSSE writes it
    payload: str
    signatures: list[SignatureView]


class PublicKeyView(BaseModel):
    """A key that provenance is signed with, or was."""

    keyid: str = Field(description="SHA-256 over the key in DER format (SubjectPublicKeyInfo), in hexadecimal")
    pem: str


class PublicKeyList(BaseModel):
    items: list[PublicKeyView]


@router.get(
    "/v1/releases/{release_id}/provenance",
    response_model=EnvelopeView,
    responses=refusals(404, 409),
    summary="The signed provenance of what a release brought to a stage",
)
def get_provenance(
    api: Api,
    _who: Viewer,
    release_id: str,
    stage: Annotated[str | None, Query(max_length=255, description="default: the release's last stage")] = None,
) -> dict[str, Any]:
    """What the deployment was made of, who asked, who approved, how it was proven, and where it got its traffic.

    `mlrelease provenance verify` checks it without this service. The same deployment has the same document.
    """
    return api.read(lambda session: signed_provenance(session, api.settings, release_id, stage=stage)).as_json()


@router.get("/v1/provenance/keys", responses=refusals(409), summary="The public keys that verify provenance")
def list_provenance_keys(api: Api, _who: Viewer) -> PublicKeyList:
    """The newest first: it signs. The others have signed before."""
    keys = provenance_keys(api.settings).public
    return PublicKeyList(items=[PublicKeyView(keyid=each.id, pem=each.pem) for each in keys])
