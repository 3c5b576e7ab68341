"""What is measured on reviews that the model has not seen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, roc_auc_score
from sklearn.pipeline import Pipeline

from .reviews import Review


def measure(model: Pipeline, rows: Sequence[Review]) -> dict[str, Any]:
    """Accuracy over all rows and per source, area under the ROC curve, and the confusion matrix.

    Everything but ``confusion`` is a number. ``confusion`` has true labels as rows and predictions as columns.
    """
    truth = np.array([row.label for row in rows])
    source = np.array([row.source for row in rows])
    score = model.decision_function([row.text for row in rows])
    predicted = (score > 0).astype(int)
    right = predicted == truth

    measured: dict[str, Any] = {"accuracy": float(right.mean()), "n": len(rows)}
    for name in sorted(set(source)):
        measured[f"accuracy_{name}"] = float(right[source == name].mean())
        measured[f"n_{name}"] = int((source == name).sum())
    measured["auc"] = float(roc_auc_score(truth, score))
    measured["confusion"] = confusion_matrix(truth, predicted, labels=[0, 1]).tolist()
    return measured
