"""Is it as good for everyone: the metrics by component, manufacturer, source, length and year.

Values come from fairlearn's MetricFrame, intervals from the grouped bootstrap. Two honesties: a slice too small to
judge is merged with its like and the merge is listed; and the largest gap between slices is shown beside the gap that
chance alone gives, because among ten small slices the best and the worst always differ.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from homologate.evidence._intervals import Resampler, Statistic, Weights, known, unknown
from homologate.evidence._metrics import Verdicts

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEAST_BEHIND_RATE", "LEAST_ROWS", "RATES", "columns", "in_order", "measure_slices", "merge"]

LEAST_ROWS = 20
"""A slice with fewer rows is merged with the other small ones."""
LEAST_BEHIND_RATE = 10
"""A rate on fewer rows takes no part in the largest gap."""
RATES = ("accuracy", "miss_rate", "false_stop_rate", "stopped_rate")
"""What is compared between slices; `miss_rate` among positives, `false_stop_rate` among negatives."""

_SHUFFLES = 500
_MERGED = "small slices together"


def columns(frame: pd.DataFrame) -> dict[str, NDArray[np.object_]]:
    """The names by which rows are sliced: one array of str (n,) for each slicing."""
    words = frame["text"].str.split().str.len().to_numpy()
    edges = np.unique(np.quantile(words, [0.25, 0.5, 0.75]).astype(int)) if len(words) else np.array([0])
    found = {
        name: frame[name].where(frame[name] != "", "(unknown)") for name in ("component", "manufacturer", "source")
    }
    return {
        **{name: values.to_numpy(dtype=object) for name, values in found.items()},
        "length": np.array([_length(int(count), edges) for count in words], dtype=np.object_),
        "year": np.array([date[:4] or "(unknown)" for date in frame["date"]], dtype=np.object_),
    }


def measure_slices(
    names: NDArray[np.object_], verdicts: Verdicts, resampler: Resampler, seed: int = 20
) -> dict[str, Any]:
    """Every slice of one slicing, and the largest gap for each rate.

    Args:
        names: str (n,), the slice of each row.
        verdicts: of the same rows.
        resampler: over the same rows.
        seed: of the shuffles that show what chance does.

    Returns:
        `{"rows": [...], "merged": [...], "gap": {rate: …}, "not_measured": reason or None}`. A rate that its slice
        cannot answer (one class only) is an interval of None.
    """
    kept, merged = merge(names)
    found: dict[str, Any] = {"rows": [], "merged": merged, "gap": {}, "not_measured": None}
    slices = in_order(kept)
    if len(slices) < 2:
        found["not_measured"] = f"every row falls into one slice, {slices[0]!r}" if slices else "no rows"
        return found
    hits, among = _rates(verdicts)
    point = _metric_frame(kept, verdicts)
    for name in slices:
        inside = kept == name
        rates = {rate: resampler.rate(hits[rate], among[rate] & inside) for rate in RATES}
        for rate in RATES:  # the point value is fairlearn's; the two must agree, and a test says so
            rates[rate]["value"] = known(float(point.by_group.loc[name, rate]))["value"]
        positives = int(verdicts.positive[inside].sum())
        found["rows"].append({"name": name, "rows": int(inside.sum()), "positives": positives, **rates})
    generator = np.random.default_rng(seed)
    found["gap"] = {rate: _gap(kept, slices, hits[rate], among[rate], resampler, generator) for rate in RATES}
    return found


def in_order(names: NDArray[np.object_]) -> list[str]:
    """Slices that are numbers by number (years, lengths), others by size; merged ones last."""
    values, counts = np.unique(names.astype(str), return_counts=True)
    sizes = {str(value): int(count) for value, count in zip(values, counts, strict=True)}
    leading = {name: re.match(r"\d+(?! small slices)", name) for name in sizes}
    numbers = sum(found is not None for found in leading.values()) >= len(sizes) - 1

    def place(name: str) -> tuple[bool, int, str]:
        found = leading[name]
        return _MERGED in name, (int(found.group()) if found else 0) if numbers else -sizes[name], name

    return sorted(sizes, key=place)


def _rates(verdicts: Verdicts) -> tuple[dict[str, NDArray[np.bool_]], dict[str, NDArray[np.bool_]]]:
    positive, stopped = verdicts.positive, verdicts.stopped
    everyone = np.ones(len(positive), bool)
    hits = {
        "accuracy": positive == stopped,
        "miss_rate": positive & ~stopped,
        "false_stop_rate": ~positive & stopped,
        "stopped_rate": stopped,
    }
    return hits, {
        "accuracy": everyone,
        "miss_rate": positive,
        "false_stop_rate": ~positive,
        "stopped_rate": everyone,
    }


def _metric_frame(names: NDArray[np.object_], verdicts: Verdicts) -> Any:
    from fairlearn.metrics import MetricFrame

    def share(hit: Any, among: Any) -> float:
        return float(np.sum(hit & among) / np.sum(among)) if np.any(among) else float("nan")

    return MetricFrame(
        metrics={
            "accuracy": lambda y, s: share(y == s, np.ones(len(y), bool)),
            "miss_rate": lambda y, s: share(~s, y),
            "false_stop_rate": lambda y, s: share(s, ~y),
            "stopped_rate": lambda _, s: share(s, np.ones(len(s), bool)),
        },
        y_true=verdicts.positive,
        y_pred=verdicts.stopped,
        sensitive_features=names.astype(str),
    )


def merge(names: NDArray[np.object_]) -> tuple[NDArray[np.object_], list[dict[str, Any]]]:
    """Slices under `LEAST_ROWS` under one name where there are two or more; what was merged, by name."""
    values, counts = np.unique(names.astype(str), return_counts=True)
    small = {value: int(count) for value, count in zip(values, counts, strict=True) if count < LEAST_ROWS}
    if len(small) < 2:
        return names, []
    label = f"{len(small)} {_MERGED}"
    kept = np.array([label if name in small else name for name in names], dtype=object)
    return kept, [{"name": name, "rows": rows} for name, rows in sorted(small.items())]


def _gap(
    names: NDArray[np.object_],
    slices: list[str],
    hits: NDArray[np.bool_],
    among: NDArray[np.bool_],
    resampler: Resampler,
    generator: np.random.Generator,
) -> dict[str, Any]:
    judged = [name for name in slices if np.sum(among & (names == name)) >= LEAST_BEHIND_RATE]
    if len(judged) < 2:
        reason = f"fewer than two slices with {LEAST_BEHIND_RATE} rows behind the rate"
        return {**unknown(), "chance": None, "highest": None, "lowest": None, "not_measured": reason}
    inside = np.stack([names == name for name in judged], axis=1).astype(float)
    top, bottom = hits.astype(float), among.astype(float)
    rates = (top @ inside) / (bottom @ inside)
    by_chance = [
        _spread((top @ inside[rows])[None], (bottom @ inside[rows])[None])[0]
        for rows in (generator.permutation(len(names)) for _ in range(_SHUFFLES))
    ]
    return {
        **resampler.interval(_gap_statistic(inside, top, bottom)),
        "chance": known(float(np.nanquantile(by_chance, 0.95)))["value"],
        "highest": judged[int(np.argmax(rates))],
        "lowest": judged[int(np.argmin(rates))],
        "not_measured": None,
    }


def _gap_statistic(inside: NDArray[Any], top: NDArray[Any], bottom: NDArray[Any]) -> Statistic:
    def statistic(weights: Weights) -> NDArray[np.float64]:
        return _spread((weights * top) @ inside, (weights * bottom) @ inside)

    return statistic


def _spread(top: NDArray[Any], bottom: NDArray[Any]) -> NDArray[np.float64]:
    """Largest minus smallest rate of each row of (b, slices) sums; a slice that drew nothing takes no part."""
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = top / bottom
    high = np.where(bottom > 0, rates, -np.inf).max(axis=1)
    low = np.where(bottom > 0, rates, np.inf).min(axis=1)
    return np.asarray(np.where(np.isfinite(high - low), high - low, np.nan))


def _length(count: int, edges: NDArray[np.int64]) -> str:
    low = 1
    for high in edges.tolist():
        if count <= high:
            return f"{low} to {high} words"
        low = high + 1
    return f"{low} words or more"
