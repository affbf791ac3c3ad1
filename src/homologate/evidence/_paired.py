"""Is it as good as the version in Production: a paired test on the very same items.

Two averages on two test sets say little; two verdicts on each item say much. Both models' stored items are put side by
side by id, and three things are measured:

    McNemar     of the items only one of them gets right, how likely is so uneven a split if neither were better: the
                exact binomial test and its mid-p form (Fagerland, Lydersen & Laake 2013, "The McNemar test for
                binary matched-pairs data: mid-p and asymptotic are better than exact conditional")
    bootstrap   how far each metric differs, with a 95 % percentile interval over resamples of whole near-duplicate
                groups, both models on the same resamples (Efron & Tibshirani 1993, chapter 13)
    flips       the items that changed verdict, both ways
    slices      how far accuracy changed in each slice, with the same resamples

Pure functions of arrays; nothing is fetched here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from homologate.errors import DataError
from homologate.evidence._slices import in_order, merge

__all__ = ["Items", "compare_items", "mcnemar", "paired_bootstrap", "paired_items", "read_items", "slice_changes"]

REPLICATES = 1000
SEED = 20
CELLS = 4_000_000  # weights held at once: 32 MB


@dataclass(frozen=True)
class Items:
    """The judged items of one model.

    Attributes:
        ids: str (n,), unique.
        groups: int64 (n,), near-duplicate group of each.
        positive: bool (n,), whether the true label is the positive one.
        probability: float64 (n,), of the positive label.
        threshold: at and above it the verdict is positive.
        slices: str (n,) for each slicing by which a change is also told (`{"component": …}`); may be empty.
    """

    ids: NDArray[np.str_]
    groups: NDArray[np.int64]
    positive: NDArray[np.bool_]
    probability: NDArray[np.float64]
    threshold: float
    slices: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def stopped(self) -> NDArray[np.bool_]:
        """Bool (n,): the verdict is positive."""
        return np.asarray(self.probability >= self.threshold)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Bool (n,): the verdict is the label."""
        return np.asarray(self.stopped == self.positive)

    def ordered(self) -> Items:
        """The same items by id."""
        order = np.argsort(self.ids, kind="stable")
        slices = {name: values[order] for name, values in self.slices.items()}
        return Items(
            self.ids[order], self.groups[order], self.positive[order], self.probability[order], self.threshold, slices
        )


def read_items(evaluation: Mapping[str, Any]) -> Items:
    """The items of evaluation facts, in the precision that is served.

    Raises:
        DataError: there are none, they are of unequal length, an id comes twice, or a probability is not one.
    """
    try:
        items, served = evaluation["items"], evaluation["served"]
        found = Items(
            ids=np.asarray(items["id"], dtype=str),
            groups=np.asarray(items["group"], dtype=np.int64),
            positive=np.asarray(items["label"], dtype=str) == evaluation["labels"]["positive"],
            probability=np.asarray(items["probability"][served], dtype=np.float64),
            threshold=float(evaluation["threshold"]),
            slices={"component": np.asarray(items["component"], dtype=object)} if "component" in items else {},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"these evaluation facts hold no items: {error!r}", next_command="homologate evaluate"
        ) from error
    _check(found)
    return found


def paired_items(comparison: Mapping[str, Any]) -> tuple[Items, Items]:
    """The items of comparison facts: this version's and the champion's, both on the same test items.

    Raises:
        DataError: there are none, because nothing was compared, or they are not items (see `read_items`).
    """
    try:
        items, thresholds = comparison["items"], comparison["thresholds"]
        shared = (
            np.asarray(items["id"], dtype=str),
            np.asarray(items["group"], dtype=np.int64),
            np.asarray(items["label"], dtype=str) == comparison["labels"]["positive"],
        )
        slices = {"component": np.asarray(items["component"], dtype=object)}
        ours, theirs = (
            Items(*shared, np.asarray(items[who], dtype=np.float64), float(thresholds[who]), slices)
            for who in ("candidate", "champion")
        )
    except (KeyError, TypeError, ValueError) as error:
        why = comparison.get("reason") or repr(error)
        raise DataError(f"the comparison report holds no items: {why}", next_command="homologate main") from error
    _check(ours)
    _check(theirs)
    return ours, theirs


def _check(found: Items) -> None:
    """Raise unless these are items: columns of one length, ids told apart, probabilities between 0 and 1."""
    lengths = {len(found.ids), len(found.groups), len(found.positive), len(found.probability)}
    lengths |= {len(values) for values in found.slices.values()}
    if lengths == {0} or len(lengths) > 1:
        raise DataError(f"items of lengths {sorted(lengths)}", legal="one length, above 0")
    if len(np.unique(found.ids)) < len(found.ids):
        raise DataError("an item's id comes twice", place="evaluation.items.id", legal="unique ids")
    if not np.all((found.probability >= 0) & (found.probability <= 1)) or not 0 <= found.threshold <= 1:
        raise DataError("a probability or the threshold is not between 0 and 1", place="evaluation.items.probability")


def compare_items(candidate: Items, champion: Items) -> dict[str, Any]:
    """Everything a reviewer wants to know about the difference, candidate minus champion.

    Returns:
        `{"items", "mcnemar": {...}, "difference": {metric: {"value", "low", "high"}}, "flips": {"gained": [ids],
        "lost": [ids]}, "slices": {slicing: [{"name", "rows", "candidate", "champion", "change"}]}}`: `gained` are items
        only the candidate gets right, `lost` only the champion; slices are the candidate's.

    Raises:
        DataError: the two were not judged on the same items with the same labels.
    """
    ours, theirs = candidate.ordered(), champion.ordered()
    if not np.array_equal(ours.ids, theirs.ids):
        common = len(np.intersect1d(ours.ids, theirs.ids))
        raise DataError(
            f"judged on different items: {len(ours.ids)} and {len(theirs.ids)}, {common} of them the same",
            legal="the same stored test items",
            next_command="score the champion again on the newest test items",
        )
    if not np.array_equal(ours.positive, theirs.positive):
        odd = ours.ids[ours.positive != theirs.positive]
        raise DataError(f"item '{odd[0]}' has two different labels", legal="the same labels for the same items")
    gained, lost = ours.right & ~theirs.right, ~ours.right & theirs.right
    return {
        "items": len(ours.ids),
        "mcnemar": mcnemar(int(gained.sum()), int(lost.sum())),
        "difference": paired_bootstrap(ours, theirs),
        "flips": {"gained": ours.ids[gained].tolist(), "lost": ours.ids[lost].tolist()},
        "slices": {name: slice_changes(ours, theirs, values) for name, values in ours.slices.items()},
    }


def slice_changes(ours: Items, theirs: Items, names: NDArray[Any]) -> list[dict[str, Any]]:
    """How far accuracy changed in each slice, ours minus theirs; slices too small to judge are merged.

    Args:
        ours: items in the same order as `theirs`.
        theirs: the other model's.
        names: str (n,), the slice of each item.
    """
    kept, _ = merge(names)
    slices = in_order(kept)
    inside = np.stack([kept == name for name in slices], axis=1).astype(float)
    change = (ours.right.astype(float) - theirs.right)[:, None] * inside
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn = np.concatenate([(w @ change) / (w @ inside) for w in _resamples(ours.groups, REPLICATES, SEED)])
    rows = inside.sum(axis=0)
    return [
        {
            "name": name,
            "rows": int(rows[index]),
            "candidate": float(ours.right @ inside[:, index] / rows[index]),
            "champion": float(theirs.right @ inside[:, index] / rows[index]),
            "change": _interval(drawn[:, index]),
        }
        for index, name in enumerate(slices)
    ]


def mcnemar(gained: int, lost: int) -> dict[str, float]:
    """McNemar's test on the discordant pairs.

    Args:
        gained: items only the candidate gets right.
        lost: items only the champion gets right.

    Returns:
        `exact` and `mid_p`: two-sided p-values of no difference; `worse`: one-sided mid-p of the candidate being no
        worse (small where it is worse). All 1, 1 and 0.5 where no pair is discordant.
    """
    n = gained + lost
    if n == 0:
        return {"gained": 0, "lost": 0, "exact": 1.0, "mid_p": 1.0, "worse": 0.5}
    half = stats.binom(n, 0.5)
    tail, point = float(half.cdf(min(gained, lost))), float(half.pmf(min(gained, lost)))
    # Below the middle the two tails are equal; at the middle they share the middle point, and nothing is extreme.
    exact = min(1.0, 2 * tail)
    mid = 1.0 - point / 2 if gained == lost else 2 * tail - point
    worse = float(half.cdf(gained)) - float(half.pmf(gained)) / 2
    return {"gained": gained, "lost": lost, "exact": exact, "mid_p": mid, "worse": worse}


def paired_bootstrap(
    ours: Items, theirs: Items, *, replicates: int | None = None, seed: int = SEED
) -> dict[str, dict[str, float | None]]:
    """How far each metric differs, ours minus theirs, resampling whole groups, both on the same resamples.

    Args:
        ours: items in the same order as `theirs`.
        theirs: the other model's.
        replicates: resamples drawn; default `REPLICATES`.
        seed: of the draw.

    Returns:
        `accuracy`, `recall`, `precision` (of the positive label), `false_stop_rate` and `average_precision`, each
        `{"value", "low", "high"}` at 95 %; None where a metric is undefined in more than a fifth of the resamples.
    """
    drawn = REPLICATES if replicates is None else replicates
    differences = [_differences(ours, theirs, weights) for weights in _resamples(ours.groups, drawn, seed)]
    return {name: _interval(np.concatenate([part[name] for part in differences])) for name in differences[0]}


def _resamples(groups: NDArray[np.int64], replicates: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Weights of the items, (b, n): all ones first, then `replicates` resamples of whole groups, in parts."""
    codes = np.unique(groups, return_inverse=True)[1]
    count = int(codes.max()) + 1
    counts = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=replicates)
    yield np.ones((1, len(codes)))
    for part in np.array_split(counts, max(1, replicates * len(codes) // CELLS)):
        yield part[:, codes].astype(np.float64)


def _differences(ours: Items, theirs: Items, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Each metric's difference for each row of item weights."""
    mine, other = _metrics(ours, weights), _metrics(theirs, weights)
    return {name: mine[name] - other[name] for name in mine}


def _metrics(items: Items, weights: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    positive, stopped = items.positive, items.stopped
    counted = np.stack([items.right, positive & stopped, positive, stopped, ~positive & stopped, ~positive], axis=1)
    right, caught, bad, stops, false, good = (weights @ counted.astype(np.float64)).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "accuracy": right / weights.sum(axis=1),
            "recall": caught / bad,
            "precision": caught / stops,
            "false_stop_rate": false / good,
            "average_precision": _average_precision(items, weights),
        }


def _average_precision(items: Items, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average precision for each row of weights; items of equal probability enter together (scikit-learn's rule)."""
    order = np.argsort(-items.probability, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(items.probability[order]) != 0, True))
    ranked = weights[:, order]
    caught = np.cumsum(ranked * items.positive[order], axis=1)[:, ends]
    seen = np.cumsum(ranked, axis=1)[:, ends]
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(seen > 0, caught / seen, 0.0)
        return np.asarray((np.diff(caught, axis=1, prepend=0.0) * precision).sum(axis=1) / caught[:, -1])


def _interval(values: NDArray[np.float64]) -> dict[str, float | None]:
    value, resampled = float(values[0]), values[1:]
    known = resampled[~np.isnan(resampled)]
    if np.isnan(value) or len(known) < 0.8 * len(resampled):
        return {"value": None if np.isnan(value) else value, "low": None, "high": None}
    low, high = np.quantile(known, [0.025, 0.975])
    return {"value": value, "low": float(low), "high": float(high)}
