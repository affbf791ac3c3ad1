"""The few numbers training watches. Judging the model is another room's work (`homologate.evidence`)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["measured"]


def measured(logits: NDArray[np.floating], targets: NDArray[np.floating], threshold: float = 0.0) -> dict[str, float]:
    """Average precision, ROC-AUC and F1 of the positive label.

    Args:
        logits: (n,) of the positive label.
        targets: (n,) 0 or 1, both present.
        threshold: the logit from which a row counts as positive; 0 is the even point of the class-weighted loss.
    """
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    return {
        "average_precision": float(average_precision_score(targets, logits)),
        "roc_auc": float(roc_auc_score(targets, logits)),
        "f1": float(f1_score(targets, logits >= threshold, zero_division=0.0)),
    }
