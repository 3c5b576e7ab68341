"""How long the sentiment model's score script takes for a review, next to scikit-learn's own pipeline.

Both answer the same reviews, one at a time, in turns within one process. Processor time is measured, not the clock's,
so that the machine's other work counts little; neither side waits for anything, and each uses one thread.
Run ``python -m benchmarks.score``; the figures go to ``score`` in ``.mlrelease/bench.json``.
"""

import csv
import importlib
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.record import record

ROOT = Path(__file__).parents[1]
CODE = ROOT / "training" / "src"
ROUNDS = 5
EVERY = 6  # of 6,520 reviews held out, whole reviews and sentences as they come


def main() -> None:
    """Train, measure, print a table, keep the figures."""
    with tempfile.TemporaryDirectory() as scratch:
        train, test, model = (Path(scratch, name) for name in ("train", "test", "model"))
        run_step("preprocess", "--train", train, "--test", test)
        run_step("train", "--train", train, "--model", model)
        figures = measured(model, test)

    table = Table("milliseconds per review", "score.py", "scikit-learn", "ratio")
    for kind in ("all", "imdb", "rotten_tomatoes"):
        ours, theirs = figures[f"{kind}_ms"], figures[f"{kind}_scikit_learn_ms"]
        table.add_row(kind, f"{ours:.3f}", f"{theirs:.3f}", f"{theirs / ours:.1f}")
    Console().print(table)

    record("score", figures)


def run_step(name: str, *arguments: object) -> None:
    """Run a step of the training pipeline."""
    subprocess.run([sys.executable, "-m", f"learning.{name}", *map(str, arguments)], cwd=CODE, check=True)  # noqa: S603 - our own


def measured(model: Path, test: Path) -> dict[str, float]:
    """The best of the rounds, in milliseconds per review: the others tell of the machine's other work."""
    pipeline = pickle.loads((model / "model_pipeline.pkl").read_bytes())  # noqa: S301 - trained a moment ago
    label = score_script(model)
    with (test / "reviews.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[::EVERY]
    figures = {}
    for kind in ("all", "imdb", "rotten_tomatoes"):
        texts = [row["text"] for row in rows if kind in ("all", row["source"])]
        rounds = [(taken(label, texts), taken(lambda text: pipeline.predict([text]), texts)) for _ in range(ROUNDS)]
        figures[f"{kind}_ms"] = min(ours for ours, _ in rounds)
        figures[f"{kind}_scikit_learn_ms"] = min(theirs for _, theirs in rounds)
    return figures | {"ratio": figures["all_scikit_learn_ms"] / figures["all_ms"]}


def score_script(model: Path) -> Callable[[str], int]:
    """Load the score script as its host does, and hand out the function that labels one text."""
    os.environ["AZUREML_MODEL_DIR"] = str(model)
    sys.path[:0] = [
        str(ROOT / "emulator" / "online" / "container"),
        str(ROOT / "deploy" / "models" / "sentiment-model" / "src"),
    ]
    script = importlib.import_module("score")
    script.init()
    label: Callable[[str], int] = script.label
    return label


def taken(answer: Callable[[str], object], texts: list[str]) -> float:
    """Milliseconds of processor time per text."""
    began = time.process_time()
    for text in texts:
        answer(text)
    return (time.process_time() - began) / len(texts) * 1000


if __name__ == "__main__":
    main()
