"""``.mlrelease/demo.json``: the demo's record, for programs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.cli.demo_callers import Callers
from app.documents.json_object import Json


def demo_record(job: Json, release: Json, predictions: Sequence[Any]) -> Json:
    """The record of a finished demo, with the model's digest at each place."""
    dev, prod = (_outputs(release, stage) for stage in ("dev", "prod"))
    return {
        "training": {"job": job["name"], "metrics": job["metrics"]},
        "release": {
            "id": release["id"],
            "status": release["status"],
            "rollouts": [
                {
                    "stage": rollout["stage"],
                    "status": rollout["status"],
                    "steps": [
                        {"kind": step["kind"], "status": step["status"], "seconds": step["seconds"]}
                        for step in rollout["steps"]
                    ],
                }
                for rollout in release["rollouts"]
            ],
        },
        "endpoints": {"dev": dev["create_endpoint"]["scoring_uri"], "prod": prod["create_endpoint"]["scoring_uri"]},
        "predictions": list(predictions),
        "digests": {
            "job_output": release["content"]["model_digest"],
            "dev_workspace": dev["register_model"]["digest"],
            "registry": prod["share_model"]["digest"],
            "prod_deployment": prod["create_deployment"]["digest"],
        },
    }


def write_record(record: Json, file: Path) -> None:
    """Replace the file atomically."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(".new")
    half.write_text(json.dumps(record, indent=2) + "\n")
    half.replace(file)


def _outputs(release: Json, stage: str) -> Json:
    """The output of each step of a stage, by kind."""
    (rollout,) = (each for each in release["rollouts"] if each["stage"] == stage)
    return {step["kind"]: step["output"] for step in rollout["steps"]}


def canary_record(
    job: Json, release: Json, *, reports: Sequence[Json], holds: Sequence[Json], callers: Callers
) -> Json:
    """The second release: what the analysis said, what callers noticed by deployment, and what is on hold since."""
    *_, analysis = (each["document"] for each in reports if each["kind"] == "analysis")
    return {
        "training": {"job": job["name"], "metrics": job["metrics"]},
        "release": {
            "id": release["id"],
            "status": release["status"],
            "code": release["code"],
            "sentence": release["sentence"],
        },
        "analysis": analysis,
        "callers": {
            name: {"requests": number, "failed": callers.failed[name]}
            for name, number in sorted(callers.requests.items())
        },
        "holds": [{"reason": each["reason"], "target": each["target"]} for each in holds if each["is_hold"]],
    }
