"""What was measured, in one line for people: numbers rounded, and whether the new deployment is better or worse than what serves."""

from app.documents.json_object import Json
from app.evidence.reports import GOLDEN
from app.evidence.tables import MeasurementReport
from app.planning.ids import stage_of


def say_report(report: MeasurementReport) -> str:
    """Where it was measured, the verdict and the numbers that it rests on."""
    said = _say_golden(report.document) if report.kind == GOLDEN else _say_analysis(report.document)
    return f"{stage_of(report.subject)}, {name_of_report(report)}: {report.verdict.replace('_', ' ')}. {said}"


def name_of_report(report: MeasurementReport) -> str:
    """What it is about: the golden requests, or a share of the traffic."""
    if report.kind == GOLDEN:
        return "golden requests"
    return (
        f"{report.document['share']}% {'of the requests, copied' if report.document['mirrored'] else 'of the traffic'}"
    )


def _say_golden(document: Json) -> str:
    new, serving = document["new"], document["serving"]
    said = [f"{new['right']} of {document['asked']} right"]
    if "accuracy" in new:
        low, high = new["accuracy"]["interval"]
        said.append(f"accuracy {new['accuracy']['percent']:.1f}% (interval {low:.1f} to {high:.1f})")
    if "difference" in document:
        said.append(_beside(document["difference"]["points"], "points", better="better", worse="worse"))
    if new["latency_ms"] is not None:
        said.append(_say_latency(new["latency_ms"]["p95"], serving))
    return f"{', '.join(said)}."


def _say_latency(p95: float, serving: Json | None) -> str:
    said = f"p95 {p95:.1f} ms"
    if serving is None or not serving["latency_ms"] or not serving["latency_ms"]["p95"]:
        return said
    changed = 100 * (p95 / serving["latency_ms"]["p95"] - 1)
    return f"{said}, {_beside(-changed, '%', better='faster', worse='slower')}"


def _beside(amount: float, unit: str, *, better: str, worse: str) -> str:
    """``amount``: above 0 it is better than what serves."""
    shown = f"{abs(amount):.1f}"
    if not float(shown):
        return "the same as what serves"
    return f"{shown}{'' if unit == '%' else ' '}{unit} {better if amount > 0 else worse} than what serves"


def _say_analysis(document: Json) -> str:
    canary, baseline = document["canary"], document["baseline"]
    said = f"{_say_counted(canary)} failed" if canary["requests"] else "It had no requests"
    serves = f"of what serves {_say_counted(baseline)}" if baseline["requests"] else "what serves had none"
    return f"{said}; {serves}."


def _say_counted(counted: Json) -> str:
    return f"{counted['failed']:,} of {counted['requests']:,} requests ({counted['failed'] / counted['requests']:.2%})"
