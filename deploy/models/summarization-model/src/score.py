"""Shortens texts to their three most telling sentences: {"data": ["text", …]} → {"predictions": ["summary", …]}.

A sentence is the more telling, the closer its TF-IDF vector is to that of the whole text.
"""

import hashlib
import json
import os
import pickle
import re
from pathlib import Path
from typing import Any

from azureml_inference_server_http.api.aml_response import AMLResponse

ARTEFACT = "model_pipeline.pkl"
LARGEST_REQUEST = 1_000_000  # answered well within the default timeout of 5 s
SENTENCES = 3

line_break = re.compile(r"<br\s*/?>")
end_of_sentence = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')]))\s+")
model: Any


class UnfitModel(Exception):
    """The model is absent or altered."""


class BadRequest(ValueError):
    """The request breaks the contract; the message says how to mend it."""


def init() -> None:
    """Open the model under AZUREML_MODEL_DIR, once, when the process starts."""
    global model
    model = open_artefact(Path(os.environ["AZUREML_MODEL_DIR"]))


def run(raw_data: str) -> dict[str, list[str]] | AMLResponse:
    """Answer one request."""
    try:
        return {"predictions": [summary(text) for text in texts_of(raw_data)]}
    except BadRequest as refusal:
        return AMLResponse({"error": str(refusal)}, 400, json_str=True)


def summary(text: str) -> str:
    """Return the most telling sentences, in the order of the text."""
    whole = " ".join(line_break.sub(" ", text).split())
    sentences = end_of_sentence.split(whole)
    if len(sentences) <= SENTENCES:
        return whole
    vectors = model.transform([whole, *sentences])
    closeness = (vectors[1:] @ vectors[0].T).toarray().ravel()
    # Ties go to the sentence that comes first; a stable sort of the negated values keeps that order.
    chosen = sorted((-closeness).argsort(kind="stable")[:SENTENCES])
    return " ".join(sentences[place] for place in chosen)


def open_artefact(folder: Path) -> Any:
    """Unpickle the one artefact in the folder, or below it, after checking the digest that training recorded."""
    found = sorted(folder.rglob(ARTEFACT))
    if len(found) != 1:
        raise UnfitModel(f"{folder} must hold one {ARTEFACT}, it holds {len(found)}")
    record = found[0].with_name(f"{ARTEFACT}.sha256")
    if not record.is_file():
        raise UnfitModel(f"{record} is missing: register the whole output folder of the training job")
    content, recorded = found[0].read_bytes(), record.read_text(encoding="ascii").split()[0]
    digest = hashlib.sha256(content).hexdigest()
    if digest != recorded:
        raise UnfitModel(f"{found[0]} has SHA-256 {digest}, training recorded {recorded}")
    return pickle.loads(content)  # noqa: S301 - it is what training wrote


def texts_of(raw_data: str) -> list[str]:
    """Read the request, or say what is wrong with it."""
    size = len(raw_data)
    if size > LARGEST_REQUEST:
        raise BadRequest(f"the body is {size:,} long, at most {LARGEST_REQUEST:,} is taken: send fewer texts")
    try:
        body = json.loads(raw_data)
    except (ValueError, RecursionError):
        raise BadRequest('the body is not JSON: send {"data": ["text", …]}') from None
    if not isinstance(body, dict) or "data" not in body:
        raise BadRequest('the body has no "data": send {"data": ["text", …]}')
    texts = body["data"]
    if not isinstance(texts, list) or not texts:
        raise BadRequest('"data" must be a list of at least one text')
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise BadRequest(f'"data" must hold texts, but item {place} is of type {type(text).__name__}')
    return texts
