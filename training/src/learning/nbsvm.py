"""The model: logistic regression over words and word pairs, scaled by naive-Bayes log-count ratios.

After S. Wang and C. Manning, "Baselines and Bigrams: Simple, Good Sentiment and Topic Classification", ACL 2012.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

TOKEN = r"(?u)\b\w[\w']*\b|[!?]"  # noqa: S105 - a pattern for words, no secret
LINE_BREAK = "br"  # what is left of <br />, dropped before pairs are made so that it parts none


def fit(texts: Sequence[str], labels: Sequence[int], *, c: float = 0.1, min_df: int = 10) -> Pipeline:
    """Fit the model to texts and their labels, 0 or 1.

    The ratio is folded into the coefficients, so the pipeline holds nothing but stock scikit-learn classes and
    ``predict`` takes plain texts. ``min_df`` is in reviews, ``c`` the inverse strength of regularisation.
    """
    words = CountVectorizer(
        binary=True,
        ngram_range=(1, 2),
        min_df=min_df,
        token_pattern=TOKEN,
        stop_words=[LINE_BREAK],
        dtype=np.float64,
    )
    counts = words.fit_transform(texts)

    target = np.asarray(labels)
    ratio = _log_count_ratio(counts, target)
    classifier = LogisticRegression(C=c, solver="liblinear", dual=True, max_iter=1000, random_state=0)
    classifier.fit(counts.multiply(ratio).tocsr(), target)
    classifier.coef_ *= ratio
    return Pipeline([("words", words), ("classifier", classifier)])


def _log_count_ratio(counts: csr_matrix, target: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much likelier each feature is in praise than in blame, as a logarithm, smoothed by one review."""
    praise = np.asarray(counts[target == 1].sum(axis=0)).ravel() + 1
    blame = np.asarray(counts[target == 0].sum(axis=0)).ravel() + 1
    ratio: NDArray[np.float64] = np.log(praise / praise.sum()) - np.log(blame / blame.sum())
    return ratio
