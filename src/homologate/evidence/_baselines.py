"""What needs no transformer: the two models every metric is shown beside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bag_of_words", "majority"]


def majority(positive: NDArray[np.bool_], rows: int) -> NDArray[np.float64]:
    """The constant answer of whoever knows only how common each label is.

    Args:
        positive: bool (n,), the labels to learn from.
        rows: how many answers to give.

    Returns:
        float64 (rows,): the share of positives, everywhere.
    """
    return np.full(rows, float(positive.mean()))


def bag_of_words(
    texts: Sequence[str], positive: NDArray[np.bool_], ask: Sequence[str], *, seed: int = 20
) -> NDArray[np.float64]:
    """TF-IDF of one- and two-word phrases under a class-balanced logistic regression.

    Args:
        texts: n texts to learn from.
        positive: bool (n,), their labels; both must occur.
        ask: m texts to answer.
        seed: of the solver.

    Returns:
        float64 (m,): probability of the positive label; 0.5 is its threshold, because classes are balanced.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float64),
        LogisticRegression(class_weight="balanced", max_iter=2000, random_state=seed),
    )
    model.fit(list(texts), positive)
    return np.asarray(model.predict_proba(list(ask))[:, 1])
