"""How good verdicts are: every metric as a statistic of row weights.

A metric is written once, for a matrix of weights; its value is the metric at weights of one, its interval comes from
`_intervals`. Definitions are scikit-learn's (a property test holds them equal, weights included).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homologate.evidence._intervals import Interval, Resampler, Statistic, Weights, known, ratio
from homologate.settings import CostSettings

__all__ = ["BINS", "Verdicts", "curve", "measure", "reliability", "statistics"]

BINS = 10
"""Equal-width probability bins of the reliability diagram and the expected calibration error."""

_RATES = ("accuracy", "precision", "recall", "miss_rate", "false_stop_rate")


@dataclass(frozen=True)
class Verdicts:
    """What was true and what was answered, row by row.

    Args:
        positive: bool (n,), whether the label is the positive one.
        probability: float64 (n,), of the positive label.
        threshold: at and above it the verdict is positive.
    """

    positive: NDArray[np.bool_]
    probability: NDArray[np.float64]
    threshold: float

    @property
    def stopped(self) -> NDArray[np.bool_]:
        """Bool (n,): the verdict is positive."""
        return np.asarray(self.probability >= self.threshold)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Bool (n,): the verdict is the label."""
        return np.asarray(self.stopped == self.positive)


def measure(verdicts: Verdicts, resampler: Resampler, costs: CostSettings) -> dict[str, Any]:
    """Every metric with its interval, and the confusion counts.

    Rates that touch 0 or 1 get Wilson's bounds (see `Resampler.rate`).
    """
    hits, among = _shares(verdicts)
    found: dict[str, Any] = {
        name: resampler.rate(hits[name], among[name]) if name in _RATES else resampler.interval(statistic)
        for name, statistic in statistics(verdicts, costs).items()
        if not name.startswith("negative_")
    }
    found["negative"] = {
        "precision": resampler.rate(hits["negative_precision"], among["negative_precision"]),
        "recall": resampler.rate(hits["negative_recall"], among["negative_recall"]),
        "f1": resampler.interval(statistics(verdicts, costs)["negative_f1"]),
    }
    positive, stopped = verdicts.positive, verdicts.stopped
    found["confusion"] = {
        "caught": int(np.sum(positive & stopped)),
        "missed": int(np.sum(positive & ~stopped)),
        "stopped": int(np.sum(~positive & stopped)),
        "passed": int(np.sum(~positive & ~stopped)),
    }
    return found


def statistics(verdicts: Verdicts, costs: CostSettings) -> dict[str, Statistic]:
    """Every metric as a function of weights. Precision, recall and F1 are of the positive label; `cost` is per text."""
    positive, stopped, p = verdicts.positive, verdicts.stopped, verdicts.probability
    hits, among = _shares(verdicts)
    everyone = np.ones(len(p), bool)
    cost = costs.pass_bad * (positive & ~stopped) + costs.stop_good * (~positive & stopped)
    return {
        **{name: ratio(hits[name], among[name]) for name in hits},
        "f1": _f1(positive, stopped),
        "negative_f1": _f1(~positive, ~stopped),
        "average_precision": _average_precision(positive, p),
        "roc_auc": _roc_auc(positive, p),
        "expected_calibration_error": _calibration_error(positive, p),
        "brier": ratio((p - positive) ** 2, everyone),
        "cost": ratio(cost, everyone),
    }


def reliability(verdicts: Verdicts, resampler: Resampler) -> list[dict[str, Any]]:
    """One entry for each probability bin that holds a row: how often the label was positive there."""
    bins = _bins(verdicts.probability)
    found = []
    for index in np.unique(bins):
        inside = bins == index
        found.append(
            {
                "from": round(index / BINS, 6),
                "to": round((index + 1) / BINS, 6),
                "rows": int(inside.sum()),
                "mean_probability": round(float(verdicts.probability[inside].mean()), 6),
                "share_positive": resampler.rate(verdicts.positive, inside),
            }
        )
    return found


def curve(verdicts: Verdicts, resampler: Resampler, costs: CostSettings, points: int = 51) -> dict[str, Any]:
    """What the threshold buys: cost per text (with its band), precision and recall at `points` thresholds.

    `best` is the cheapest threshold in hindsight on these very rows, so an optimistic figure: it bounds what another
    threshold could have saved. `always_stop` and `always_pass` are the two policies that need no model.
    """
    thresholds = np.linspace(0, 1, points)
    stopped = verdicts.probability[:, None] >= thresholds[None, :]
    positive = verdicts.positive[:, None]
    per_row = costs.pass_bad * (positive & ~stopped) + costs.stop_good * (~positive & stopped)

    def curves(weights: Weights) -> NDArray[np.float64]:
        return np.asarray((weights @ per_row) / weights.sum(axis=1, keepdims=True))

    cost = per_row.mean(axis=0)
    low, high = resampler.band(curves)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = (positive & stopped).sum(axis=0) / stopped.sum(axis=0)
        recall = (positive & stopped).sum(axis=0) / positive.sum()
    best = int(np.argmin(cost))
    share = float(verdicts.positive.mean())
    return {
        "thresholds": _list(thresholds),
        "cost": _list(cost),
        "cost_low": _list(low),
        "cost_high": _list(high),
        "precision": _list(precision),
        "recall": _list(recall),
        "best": {"threshold": round(float(thresholds[best]), 6), "cost": round(float(cost[best]), 6)},
        "always_stop": round(costs.stop_good * (1 - share), 6),
        "always_pass": round(costs.pass_bad * share, 6),
    }


def _shares(verdicts: Verdicts) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """The metrics that are plain shares: which rows are hits, among which rows."""
    positive, stopped = verdicts.positive, verdicts.stopped
    hits = {
        "accuracy": positive == stopped,
        "precision": positive & stopped,
        "recall": positive & stopped,
        "miss_rate": positive & ~stopped,
        "false_stop_rate": ~positive & stopped,
        "negative_precision": ~positive & ~stopped,
        "negative_recall": ~positive & ~stopped,
    }
    among = {
        "accuracy": np.ones(len(positive), bool),
        "precision": stopped,
        "recall": positive,
        "miss_rate": positive,
        "false_stop_rate": ~positive,
        "negative_precision": ~stopped,
        "negative_recall": ~positive,
    }
    return hits, among


def _f1(positive: NDArray[Any], stopped: NDArray[Any]) -> Statistic:
    return ratio(2.0 * (positive & stopped), positive.astype(float) + stopped.astype(float))


def _average_precision(positive: NDArray[Any], p: NDArray[np.float64]) -> Statistic:
    order, ends = _ranking(p)
    hit = positive[order].astype(float)

    def statistic(weights: Weights) -> NDArray[np.float64]:
        ranked = weights[:, order]
        caught = np.cumsum(ranked * hit, axis=1)[:, ends]
        seen = np.cumsum(ranked, axis=1)[:, ends]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(seen > 0, caught / seen, 0.0)
            return np.asarray((np.diff(caught, axis=1, prepend=0.0) * precision).sum(axis=1) / caught[:, -1])

    return statistic


def _roc_auc(positive: NDArray[Any], p: NDArray[np.float64]) -> Statistic:
    order, ends = _ranking(p)
    hit = positive[order].astype(float)

    def statistic(weights: Weights) -> NDArray[np.float64]:
        ranked = weights[:, order]
        caught = np.cumsum(ranked * hit, axis=1)[:, ends]
        alarms = np.cumsum(ranked * (1 - hit), axis=1)[:, ends]
        before = np.concatenate([np.zeros((len(weights), 1)), caught[:, :-1]], axis=1)
        area = (np.diff(alarms, axis=1, prepend=0.0) * (caught + before) / 2).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(area / (caught[:, -1] * alarms[:, -1]))

    return statistic


def _ranking(p: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows by falling probability, and the last position of each run of equal ones."""
    order = np.argsort(-p, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(p[order]) != 0, True))
    return order, ends


def _bins(p: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.minimum((p * BINS).astype(np.int64), BINS - 1)


def _calibration_error(positive: NDArray[Any], p: NDArray[np.float64]) -> Statistic:
    gaps = (positive - p)[:, None] * (_bins(p)[:, None] == np.arange(BINS)[None, :])

    def statistic(weights: Weights) -> NDArray[np.float64]:
        return np.asarray(np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1))

    return statistic


def _list(values: NDArray[Any]) -> list[float | None]:
    return [known(float(value))["value"] for value in values]


def difference(one: Statistic, other: Statistic) -> Statistic:
    """The paired difference `one − other` on the same resamples."""
    return lambda weights: one(weights) - other(weights)


def compare(
    one: Verdicts, other: Verdicts, resampler: Resampler, costs: CostSettings, names: tuple[str, ...]
) -> dict[str, Interval]:
    """Paired differences `one − other` of the named metrics, on the same rows and resamples."""
    ours, theirs = statistics(one, costs), statistics(other, costs)
    return {name: resampler.interval(difference(ours[name], theirs[name])) for name in names}
