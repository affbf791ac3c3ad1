"""Would more rows help: the baseline at four sizes of the training set.

Honest about what it is. The transformer is not trained again, because that would cost a training for each point; the
TF-IDF baseline is. It says whether the *data* are still teaching, not how the transformer would grow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from homologate.evidence._baselines import bag_of_words
from homologate.evidence._intervals import Resampler
from homologate.evidence._metrics import Verdicts, statistics
from homologate.settings import CostSettings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SHARES", "learning_curve"]

SHARES = (0.125, 0.25, 0.5, 1.0)
"""Shares of the training rows, drawn once by seed and nested."""


def learning_curve(
    train: pd.DataFrame, test: pd.DataFrame, positive: str, resampler: Resampler, seed: int = 20
) -> dict[str, Any]:
    """Average precision of the baseline on `test` after each share of `train`.

    A share in which only one label occurs is listed with intervals of None.
    """
    y, truth = (train["label"] == positive).to_numpy(), (test["label"] == positive).to_numpy()
    order = np.random.default_rng(seed).permutation(len(train))
    texts, ask = train["text"].to_numpy(), test["text"].tolist()
    points = []
    for share in SHARES:
        rows = order[: round(share * len(order))]
        known_both = bool(y[rows].any() and not y[rows].all())
        p = bag_of_words(texts[rows].tolist(), y[rows], ask) if known_both else np.full(len(ask), np.nan)
        found = resampler.interval(statistics(Verdicts(truth, p, 0.5), CostSettings())["average_precision"])
        points.append({"rows": len(rows), "average_precision": found if known_both else dict.fromkeys(found)})
    return {"what": "TF-IDF + logistic regression, not the transformer", "points": points}
