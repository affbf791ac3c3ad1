"""How sure a number is: the grouped bootstrap.

Rows that are near-duplicates of each other are one observation, so whole groups are drawn, never single rows. A
statistic is a function of row weights: it takes a matrix of them, one resample a row, and returns one value a
resample. That makes every interval a few matrix products, and lets two models be compared on the same resamples.

Intervals are bias-corrected and accelerated (BCa; Efron 1987, "Better Bootstrap Confidence Intervals"), at 95 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

__all__ = ["LEVEL", "Interval", "Resampler", "Statistic", "Weights", "known", "unknown"]

LEVEL = 0.95
"""Confidence of every interval."""

Weights = NDArray[np.float64]
Statistic = Callable[[Weights], NDArray[np.float64]]
"""`(b, n) row weights → (b,) values`; NaN where a resample cannot answer."""
Interval = dict[str, float | None]
"""`{"value", "low", "high"}`; None where it cannot be told."""

_CELLS = 4_000_000  # weights held at once: 32 MB
_KNIVES = 200  # deletions of the jackknife behind the acceleration
_MOST_UNDEFINED = 0.2  # share of resamples that may be undefined before the bounds are withheld


class Resampler:
    """One set of resamples, shared by every statistic of a report.

    Args:
        groups: int (n,), the near-duplicate group of each row.
        replicates: resamples drawn.
        seed: of the draw; the same groups and seed give the same resamples.
    """

    def __init__(self, groups: ArrayLike, replicates: int = 1000, seed: int = 20) -> None:
        self._codes: NDArray[np.intp] = np.unique(np.asarray(groups), return_inverse=True)[1]
        self.rows = len(self._codes)
        self.groups = int(self._codes.max()) + 1 if self.rows else 0
        generator = np.random.default_rng(seed)
        shares = np.full(self.groups, 1 / max(self.groups, 1))
        self._counts = generator.multinomial(self.groups, shares, size=replicates).astype(np.uint16)
        self._knives = np.array_split(generator.permutation(self.groups), min(self.groups, _KNIVES) or 1)

    def interval(self, statistic: Statistic) -> Interval:
        """The statistic on all rows, with its BCa interval.

        Bounds are None where more than a fifth of the resamples leave the statistic undefined.
        """
        value = float(statistic(np.ones((1, self.rows)))[0]) if self.rows else math.nan
        if math.isnan(value):
            return unknown()
        drawn = self.draws(statistic)
        drawn = drawn[~np.isnan(drawn)]
        if len(drawn) < (1 - _MOST_UNDEFINED) * len(self._counts):
            return known(value)
        low, high = _bca(value, drawn, self._jackknife(statistic))
        return known(value, min(low, value), max(high, value))

    def rate(self, hits: ArrayLike, among: ArrayLike | None = None) -> Interval:
        """The share of the rows `among` that are `hits`.

        Where it is exactly 0 or 1 every resample agrees and the bootstrap is blind; Wilson's bounds (1927) on the
        number of groups are given instead. Unknown where `among` is empty.

        Args:
            hits: bool (n,).
            among: bool (n,); default all rows.
        """
        among = np.ones(self.rows, bool) if among is None else np.asarray(among, bool)
        found = self.interval(ratio(np.asarray(hits, bool) & among, among))
        if found["value"] in (0.0, 1.0):
            return known(found["value"], *_wilson(found["value"], len(np.unique(self._codes[among]))))
        return found

    def draws(self, statistic: Statistic) -> NDArray[np.float64]:
        """The statistic on every resample: float64 (replicates,)."""
        return np.concatenate([statistic(weights) for weights in self._weights()])

    def band(self, curves: Callable[[Weights], NDArray[np.float64]]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The percentile band around a curve: `curves` maps (b, n) weights to (b, points)."""
        drawn = np.concatenate([curves(weights) for weights in self._weights()])
        low, high = np.nanquantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        return low, high

    def _weights(self) -> Iterator[Weights]:
        size = max(1, _CELLS // max(self.rows, 1))
        for first in range(0, len(self._counts), size):
            yield self._counts[first : first + size][:, self._codes].astype(np.float64)

    def _jackknife(self, statistic: Statistic) -> NDArray[np.float64]:
        size = max(1, _CELLS // max(self.rows, 1))
        found = []
        for first in range(0, len(self._knives), size):
            knives = self._knives[first : first + size]
            kept = np.ones((len(knives), self.groups))
            for row, knife in enumerate(knives):
                kept[row, knife] = 0.0
            found.append(statistic(kept[:, self._codes]))
        return np.concatenate(found)


def ratio(hits: NDArray[Any], among: NDArray[Any]) -> Statistic:
    """The statistic `sum of weights of hits / sum of weights of among`; NaN where the denominator is empty."""
    top, bottom = hits.astype(float), among.astype(float)

    def statistic(weights: Weights) -> NDArray[np.float64]:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((weights @ top) / (weights @ bottom))

    return statistic


def known(value: float | None, low: float | None = None, high: float | None = None) -> Interval:
    """An interval of facts, rounded to six decimals; NaN becomes None, because JSON has no NaN."""
    return {"value": _plain(value), "low": _plain(low), "high": _plain(high)}


def unknown() -> Interval:
    """The interval of what cannot be told."""
    return {"value": None, "low": None, "high": None}


def _plain(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else round(float(number), 6)


def _bca(value: float, drawn: NDArray[np.float64], left_out: NDArray[np.float64]) -> tuple[float, float]:
    tail = np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    below = (np.sum(drawn < value) + 0.5 * np.sum(drawn == value)) / len(drawn)
    bias = ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    pull = np.nanmean(left_out) - left_out[~np.isnan(left_out)] if not np.isnan(left_out).all() else np.zeros(1)
    spread = float(np.sum(pull**2)) ** 1.5
    acceleration = float(np.sum(pull**3)) / (6 * spread) if spread > 0 else 0.0
    z = bias + ndtri(tail)
    levels = ndtr(bias + z / np.maximum(1 - acceleration * z, 1e-6))
    low, high = np.quantile(drawn, np.clip(levels, 0, 1))
    return float(low), float(high)


def _wilson(share: float, n: int) -> tuple[float, float]:
    z = float(ndtri((1 + LEVEL) / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, middle - half), min(1.0, middle + half)
