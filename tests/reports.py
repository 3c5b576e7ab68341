"""What people read of a report that a step made."""

from datetime import UTC, datetime

from app.evidence.reports import Report, digest_of_report
from app.evidence.tables import MeasurementReport
from app.evidence.words import say_report


def say(report: Report) -> str:
    """In a line, as if it had been kept."""
    kept = MeasurementReport(
        id="report-1",
        subject="churn-2:dev:step",
        kind=report.kind,
        model="churn",
        verdict=report.verdict,
        document=report.document,
        digest=digest_of_report(report.document),
        created_at=datetime.now(UTC),
    )
    return say_report(kept)
