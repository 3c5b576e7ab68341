"""The trained model on disk: a pickle, and beside it the SHA-256 to check before it is opened."""

import hashlib
import pickle
from pathlib import Path

from sklearn.pipeline import Pipeline

PICKLE = "model_pipeline.pkl"
RECORD = f"{PICKLE}.sha256"  # as sha256sum writes it, so `sha256sum --check` works in the folder


class AlteredArtefact(Exception):
    """The pickle is not the one that training wrote."""


def save(pipeline: Pipeline, folder: Path) -> str:
    """Write the pickle and its record; return the digest. Equal models give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for _, step in pipeline.steps:
        # Vectorizers cache a memory address here, another one in every process.
        vars(step).pop("_stop_words_id", None)
    content = pickle.dumps(pipeline, protocol=5)
    digest = hashlib.sha256(content).hexdigest()
    (folder / PICKLE).write_bytes(content)
    (folder / RECORD).write_text(f"{digest}  {PICKLE}\n", encoding="ascii")
    return digest


def load(folder: Path) -> Pipeline:
    """Open the pickle if it is what its record says."""
    content = (folder / PICKLE).read_bytes()
    recorded = (folder / RECORD).read_text(encoding="ascii").split()[0]
    found = hashlib.sha256(content).hexdigest()
    if found != recorded:
        raise AlteredArtefact(f"{folder / PICKLE} has SHA-256 {found}, its record says {recorded}")
    return pickle.loads(content)  # noqa: S301 - checked against the digest that training recorded
