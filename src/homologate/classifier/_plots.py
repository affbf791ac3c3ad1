"""Four pictures of the validation rows: precision and recall, ROC, calibration, confusion."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = ["figures"]

Floats = NDArray[np.floating]
LINE, MUTED = "#1f4e79", "#9aa5b1"


def figures(
    probabilities: Floats, targets: Floats, threshold: float, labels: tuple[str, str], rows: str
) -> dict[str, Figure]:
    """Draw all four.

    Args:
        probabilities: of the positive label, (n,).
        targets: (n,) 0 or 1, both present.
        threshold: marked in every picture.
        labels: `(negative, positive)`.
        rows: which rows these are, for the titles.

    Returns:
        `precision_recall`, `roc`, `calibration`, `confusion`.
    """
    return {
        "precision_recall": _precision_recall(probabilities, targets, threshold, labels[1], rows),
        "roc": _roc(probabilities, targets, threshold, labels[1], rows),
        "calibration": _calibration(probabilities, targets, labels[1], rows),
        "confusion": _confusion(probabilities, targets, threshold, labels, rows),
    }


def _canvas(title: str, across: str, up: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(5, 4.2), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=across, ylabel=up)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _precision_recall(probabilities: Floats, targets: Floats, threshold: float, word: str, rows: str) -> Figure:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    precision, recall, _ = precision_recall_curve(targets, probabilities)
    area = average_precision_score(targets, probabilities)
    figure, axes = _canvas(f"{word}, {rows}: average precision {area:.3f}", "recall", "precision")
    axes.step(recall, precision, where="post", color=LINE)
    axes.axhline(float(targets.mean()), color=MUTED, linestyle="--", label="chance")
    stopped = probabilities >= threshold
    if stopped.any():
        hit = float(targets[stopped].sum())
        axes.plot(hit / targets.sum(), hit / stopped.sum(), "o", color=LINE, label=f"threshold {threshold:.3f}")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(frameon=False)
    return figure


def _roc(probabilities: Floats, targets: Floats, threshold: float, word: str, rows: str) -> Figure:
    from sklearn.metrics import roc_auc_score, roc_curve

    false, true, _ = roc_curve(targets, probabilities)
    area = roc_auc_score(targets, probabilities)
    figure, axes = _canvas(f"{word}, {rows}: ROC-AUC {area:.3f}", "false positive rate", "true positive rate")
    axes.plot(false, true, color=LINE)
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle="--", label="chance")
    stopped, bad = probabilities >= threshold, targets > 0.5
    at = (stopped & ~bad).sum() / (~bad).sum(), (stopped & bad).sum() / bad.sum()
    axes.plot(*at, "o", color=LINE, label=f"threshold {threshold:.3f}")
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(frameon=False)
    return figure


def _calibration(probabilities: Floats, targets: Floats, word: str, rows: str) -> Figure:
    """Bins of equal size, so each point stands for as many rows as the next."""
    bins = np.array_split(np.argsort(probabilities, kind="stable"), min(10, max(1, len(targets) // 10)))
    brier = float(np.mean((probabilities - targets) ** 2))
    figure, axes = _canvas(f"{word}, {rows}: Brier score {brier:.3f}", "probability answered", "share observed")
    axes.plot([0, 1], [0, 1], color=MUTED, linestyle="--", label="perfect")
    axes.plot(
        [probabilities[which].mean() for which in bins], [targets[which].mean() for which in bins], "o-", color=LINE
    )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(frameon=False)
    return figure


def _confusion(probabilities: Floats, targets: Floats, threshold: float, labels: tuple[str, str], rows: str) -> Figure:
    from sklearn.metrics import confusion_matrix

    counts = confusion_matrix(targets > 0.5, probabilities >= threshold, labels=[False, True])
    figure, axes = _canvas(f"{rows}, threshold {threshold:.3f}", "answered", "true")
    axes.imshow(counts, cmap="Blues", vmin=0)
    for (row, column), count in np.ndenumerate(counts):
        dark = count > counts.max() / 2
        axes.text(column, row, str(count), ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks([0, 1], labels)
    axes.set_yticks([0, 1], labels, rotation=90, va="center")
    return figure
