"""The only writer of measurement reports: what golden requests and analyses measured. People decide by them, so they stay."""

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from app.documents.json_object import Json
from app.events.work import UnitOfWork
from app.evidence.redaction import redact_all
from app.evidence.tables import MeasurementReport

GOLDEN, ANALYSIS = "golden", "analysis"


@dataclass(frozen=True)
class Report:
    """``kind`` is one of the words above; ``verdict`` one of ``analysis.verdict``. The document is plain JSON of a bounded size."""

    kind: str
    verdict: str
    document: Json


def keep_report(work: UnitOfWork, report: Report, *, subject: str, model: str) -> Json:
    """Keep it without what looks like a secret; what an event says of it: id, kind, verdict and digest."""
    document = redact_all(report.document)
    kept = MeasurementReport(
        id=f"report-{secrets.token_hex(8)}",
        subject=subject,
        kind=report.kind,
        model=model,
        verdict=report.verdict,
        document=document,
        digest=digest_of_report(document),
        created_at=work.now,
    )
    work.add(kept)
    work.flush()
    return {"id": kept.id, "kind": kept.kind, "verdict": kept.verdict, "digest": kept.digest}


def digest_of_report(document: Json) -> str:
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(canonical.encode()).hexdigest()


def reports_on(session: Session, subjects: Sequence[str]) -> list[MeasurementReport]:
    """On any of these step runs, the oldest first."""
    query = select(MeasurementReport).where(col(MeasurementReport.subject).in_(subjects))
    return list(session.exec(query.order_by(col(MeasurementReport.created_at), col(MeasurementReport.id))).all())


def newest_reports_on(session: Session, subjects: Sequence[str]) -> list[MeasurementReport]:
    """The newest one on each of these step runs, the oldest first: one that was asked about is kept again with the answer."""
    newest = {report.subject: report for report in reports_on(session, subjects)}
    return sorted(newest.values(), key=lambda report: (report.created_at, report.id))
