"""The page of a release: stages, steps and timeline, updated live."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from sqlmodel import Session

from app.evidence.reports import newest_reports_on
from app.evidence.tables import MeasurementReport
from app.releases import queries
from app.releases.tables import StepRun
from app.serving.queries import serving_now
from app.web.pages import HEADERS, PageRoute, page
from app.web.portal import AllowedVisitor, CurrentPortal

router = APIRouter(include_in_schema=False, route_class=PageRoute)

MOST_EVENTS = 500


@router.get("/releases/{release_id}")
def show_release(portal: CurrentPortal, visitor: AllowedVisitor, release_id: str) -> Response:
    return portal.read(lambda session: page("release.html", visitor=visitor, **_shown(session, release_id)))


@router.get("/releases/{release_id}/live")
def show_live_part(
    portal: CurrentPortal,
    _visitor: AllowedVisitor,
    release_id: str,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """The part of the page that the script replaces when the release changes."""

    def query(session: Session) -> Response:
        etag = f'"{queries.revision_of(session, release_id)}"'
        if etag in (if_none_match or ""):
            return Response(status_code=304, headers={**HEADERS, "ETag": etag})
        answer = page("live.html", **_shown(session, release_id))
        answer.headers["ETag"] = etag
        return answer

    return portal.read(query)


def _reports(session: Session, steps: Mapping[str, Sequence[StepRun]]) -> dict[str, list[MeasurementReport]]:
    """What was measured last by each step, by rollout. One query: the page is read anew with every change."""
    rollout_of = {each.id: rollout for rollout, listed in steps.items() for each in listed}
    found: dict[str, list[MeasurementReport]] = {}
    for report in newest_reports_on(session, [*rollout_of]):
        found.setdefault(rollout_of[report.subject], []).append(report)
    return found


def _shown(session: Session, release_id: str) -> dict[str, Any]:
    release = queries.get_release(session, release_id)
    rollouts = queries.rollouts_of(session, release_id)
    steps = queries.steps_of_release(session, release_id)
    return {
        "release": release,
        "rollouts": rollouts,
        "serves": {each.id: serving_now(session, each.target) for each in rollouts},
        "steps": steps,
        "reports": _reports(session, steps),
        "events": queries.list_events(session, release_id=release_id, limit=MOST_EVENTS)[::-1],
    }
