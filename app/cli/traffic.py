"""How a plan gives a deployment its traffic, as lines."""

from app.documents.json_object import Json
from app.planning.analysis import AnalysisRules
from app.planning.plan import PlannedTraffic
from app.planning.traffic_words import say_traffic


def traffic_lines(document: Json) -> list[str]:
    """How it gets its traffic once it is proven, and what the analysis can find on the way."""
    rules = document["analysis"]
    first = f"after the right answers to {document['checks']['golden']}:"
    shares = [PlannedTraffic.model_validate(each) for each in document["traffic"]]
    return [first, *say_traffic(shares, None if rules is None else AnalysisRules.model_validate(rules))]
