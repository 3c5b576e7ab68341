"""What was found at an endpoint that is to be adopted, as commands print it."""

from app.cli.output import print_table, say
from app.documents.json_object import Json


def print_found(plan: Json) -> None:
    """What an adoption would have on record: each deployment, and in what that differs from what is on record now."""
    (step,) = plan["steps"]
    found = step["config"]["found"]
    say(f"{plan['target']['endpoint']} in {plan['target']['workspace']}:")
    print_table(
        ["deployment", "traffic", "mirror", "model", "machines", "made by"],
        [
            (
                each["name"],
                f"{found['traffic'].get(each['name'], 0)}%",
                f"{found['mirror'].get(each['name'], 0)}%",
                each["model"],
                f"{each['instance_count']} × {each['instance_type']}",
                each["release"] or "others",
            )
            for each in found["deployments"]
        ],
        empty="It has no deployment.",
    )
    if step["config"]["differences"]:
        say("\nWhat is on record differs:")
    for each in step["config"]["differences"]:
        say(f"  {each['sentence']}")
