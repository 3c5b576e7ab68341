"""Tells praise (1) from blame (0) in film reviews: {"data": ["text", …]} → {"predictions": [0 or 1, …]}.

Gives the labels of the scikit-learn pipeline that training wrote, at a fraction of its time: the pipeline is turned
into one table of word → weight when the process starts, and a review's score is the sum over its words and pairs.
"""

import hashlib
import json
import os
import pickle
import re
from collections.abc import Callable
from itertools import pairwise, repeat
from math import fsum
from pathlib import Path
from typing import Any

from azureml_inference_server_http.api.aml_response import AMLResponse

ARTEFACT = "model_pipeline.pkl"
LARGEST_REQUEST = 5_000_000  # bytes: thousands of reviews, answered well within the default timeout of 5 s

label: Callable[[str], int]


class UnfitModel(Exception):
    """The model is absent, altered, or not of the kind that this script can serve."""


class BadRequest(ValueError):
    """The request breaks the contract; the message says how to mend it."""


def init() -> None:
    """Open the model under AZUREML_MODEL_DIR, once, when the process starts."""
    global label
    label = as_table(open_artefact(Path(os.environ["AZUREML_MODEL_DIR"])))


def run(raw_data: str) -> dict[str, list[int]] | AMLResponse:
    """Answer one request."""
    try:
        return {"predictions": [label(text) for text in texts_of(raw_data)]}
    except BadRequest as refusal:
        return AMLResponse({"error": str(refusal)}, 400, json_str=True)


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


def as_table(pipeline: Any) -> Callable[[str], int]:
    """Turn the pipeline into a function from text to label."""
    words, classifier = pipeline.named_steps["words"], pipeline.named_steps["classifier"]
    if not (words.binary and words.lowercase and words.analyzer == "word" and words.ngram_range == (1, 2)):
        raise UnfitModel("the pipeline must count words and pairs once a text, in lower case")
    if list(classifier.classes_) != [0, 1]:
        raise UnfitModel(f"the pipeline must tell 0 from 1, it tells {list(classifier.classes_)}")

    coefficients = classifier.coef_[0].tolist()
    bias = float(classifier.intercept_[0])
    weight = {feature: coefficients[column] for feature, column in words.vocabulary_.items()}.get
    words_of = re.compile(words.token_pattern).findall
    ignored = frozenset(words.stop_words or ())

    def label_of(text: str) -> int:
        kept = [word for word in words_of(text.lower()) if word not in ignored]
        features = {*kept, *map(" ".join, pairwise(kept))}
        # fsum is exact: the order in which a set is walked, which differs between processes, cannot matter.
        return int(bias + fsum(map(weight, features, repeat(0.0))) > 0)

    return label_of


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
