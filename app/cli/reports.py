"""What golden requests and analyses measured, on a terminal."""

from app.cli.client import Client
from app.cli.output import print_json, print_table, say, when
from app.documents.json_object import Json


def show_reports(service: Client, path: str, *, as_json: bool) -> None:
    """Print the reports at ``path``: verdicts with their reasons, both deployments side by side, and what they answer differently."""
    found = service.get(path)
    if as_json:
        print_json(found)
        return
    if not found["items"]:
        say("Nothing was measured: no golden requests were compared, and no share of the traffic was analysed.")
    for each in found["items"]:
        say(f"{each['subject']}  {each['verdict']}  {when(each['created_at'])}  {each['digest']}")
        for finding in each["document"].get("findings", []):
            say(f"  {finding['verdict']:<12}  {finding['metric']}: {finding['sentence']}")
        if "accepted" in each["document"]:
            accepted = each["document"]["accepted"]
            say(f"  accepted by {accepted['by']}: {accepted['reason'] or 'no reason given'}")
        if each["kind"] == "golden":
            _show_golden(each["document"])


def _show_golden(document: Json) -> None:
    arms = [arm for arm in (document["new"], document["serving"]) if arm is not None]
    print_table(
        ["  deployment", "right", "accuracy", "p50 ms", "p95 ms", "p99 ms"],
        [
            (f"  {arm['deployment']}", f"{arm['right']} of {document['asked']}", _accuracy(arm), *_latency(arm))
            for arm in arms
        ],
        empty="",
    )
    if document["serving"] is None:
        return
    agreement, flips = document["agreement"], document["flips"]
    say(f"  Same answers: {agreement['same']} of {agreement['of']}. Labels won: {flips['won']}, lost: {flips['lost']}.")
    print_table(
        ["  request", "change", "expected", "serving", "new"],
        [
            (f"  {flip['number']}", flip["change"], flip["expected"], flip["serving"], flip["new"])
            for flip in flips["listed"]
        ],
        empty="  No answer differs.",
    )


def _accuracy(arm: Json) -> str:
    if "accuracy" not in arm:
        return "–"
    low, high = arm["accuracy"]["interval"]
    return f"{arm['accuracy']['percent']:.2f}% ({low:.2f} to {high:.2f})"


def _latency(arm: Json) -> list[str]:
    times = arm["latency_ms"]
    return ["–"] * 3 if times is None else [f"{times[name]:.1f}" for name in ("p50", "p95", "p99")]
