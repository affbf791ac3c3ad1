"""How far apart two samples of texts are, and how often chance alone would do that.

Every answer is a permutation test: the texts of both samples are dealt into two heaps of the same sizes again and
again, and the statistic is taken each time. That needs no assumption but that texts are exchangeable where nothing
drifted, holds at small sizes and with ties, and gives the same machinery to a mean, a Kolmogorov–Smirnov distance, a
Jensen–Shannon divergence, a classifier's AUC and an MMD. `p = (1 + #{null ≥ seen}) / (1 + permutations)`, which is
never too small (Phipson and Smyth 2010). numpy and scipy only; nothing here knows of records, runs or pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from homologate.reference import Bags

__all__ = [
    "PERMUTATIONS",
    "Outcome",
    "bags_differ",
    "embeddings_differ",
    "families_differ",
    "means_differ",
    "mixes_differ",
    "shapes_differ",
    "told_apart",
]

PERMUTATIONS = 1999
"""Smallest p-value 1/2000: below 0.01 shared among a dozen signals."""
_AT_ONCE = 250  # permutations held at once where a row of counts belongs to each
_FOLDS = 5
_SEED = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """One permutation test.

    Attributes:
        seen: the statistic of the two samples; larger means further apart.
        null: float64 (permutations,), the same statistic where chance dealt.
    """

    seen: float
    null: Floats

    @property
    def p(self) -> float:
        """How often chance alone is at least as far apart."""
        return float((1 + np.sum(self.null >= self.seen - 1e-12)) / (1 + len(self.null)))

    @cached_property
    def expected(self) -> float:
        """What the statistic is on average where nothing drifted; it is not 0, and grows as samples shrink."""
        return float(self.null.mean())

    def limit(self, level: float) -> float:
        """The value above which p is at most `level`."""
        return float(np.quantile(self.null, 1 - level, method="higher"))


def _deals(old: int, new: int, count: int = PERMUTATIONS, seed: int = _SEED) -> NDArray[np.float32]:
    """float32 (count, old + new): 1 where a text is dealt to the new heap."""
    chance = np.random.default_rng(seed)
    deals = np.zeros((count, old + new), np.float32)
    order = np.argsort(chance.random((count, old + new), dtype=np.float32), axis=1)[:, :new]
    np.put_along_axis(deals, order, 1.0, axis=1)
    return deals


@lru_cache(maxsize=2)  # a window has two sizes, of its texts and of those that were embedded
def _shared(old: int, new: int) -> NDArray[np.float32]:
    """The deals that every signal of these sizes is tested with."""
    deals = _deals(old, new)
    deals.flags.writeable = False
    return deals


def _tested(statistic: Callable[[NDArray[np.float32]], Floats], old: int, new: int, at_once: int = 0) -> Outcome:
    """Take a statistic of the true heaps, then of all dealt ones."""
    true = np.concatenate([np.zeros(old, np.float32), np.ones(new, np.float32)])[None]
    deals = _shared(old, new)
    parts = [deals[first : first + at_once] for first in range(0, len(deals), at_once)] if at_once else [deals]
    return Outcome(float(statistic(true)[0]), np.concatenate([statistic(part) for part in parts]))


def means_differ(old: Floats, new: Floats) -> Outcome:
    """Absolute difference of two means."""
    pooled = np.concatenate([old, new]).astype(np.float64)

    def statistic(deals: NDArray[np.float32]) -> Floats:
        total: Floats = deals @ pooled
        apart: Floats = np.abs(total / len(new) - (pooled.sum() - total) / len(old))
        return apart

    return _tested(statistic, len(old), len(new))


def shapes_differ(old: Floats, new: Floats) -> Outcome:
    """Kolmogorov–Smirnov: the largest gap between two cumulative distributions, ties counted together."""
    pooled = np.concatenate([old, new])
    order = np.argsort(pooled, kind="stable")
    ends = np.append(np.diff(pooled[order]) > 0, True)

    def statistic(deals: NDArray[np.float32]) -> Floats:
        dealt = np.cumsum(deals[:, order], axis=1, dtype=np.float64)[:, ends]
        below = np.arange(1, len(pooled) + 1)[ends]
        gaps: Floats = np.abs(dealt / len(new) - (below - dealt) / len(old)).max(axis=1)
        return gaps

    return _tested(statistic, len(old), len(new), _AT_ONCE)


def bags_differ(old: Bags, new: Bags) -> Outcome:
    """Jensen–Shannon divergence (bits) of what the texts of two samples hold; each text holds an item once.

    Texts are dealt, not items: the items of one text come together, and a test that dealt them singly would alarm
    about every text that is of one piece.
    """
    items = np.concatenate([old.items, new.items])
    starts = np.concatenate([old.starts, old.starts[-1] + new.starts[1:]])
    _, places = np.unique(items, return_inverse=True)
    wide = max(int(places.max(initial=-1)) + 1, 1)
    held = sparse.csr_matrix((np.ones(len(items), np.float32), places, starts), shape=(len(starts) - 1, wide))
    return _divergence(held, len(old), len(new))


def mixes_differ(old: Sequence[str], new: Sequence[str]) -> Outcome:
    """Jensen–Shannon divergence (bits) of two mixes of categories."""
    _, places = np.unique(np.array([*old, *new], dtype=str), return_inverse=True)
    rows = np.arange(len(places))
    held = sparse.csr_matrix((np.ones(len(places), np.float32), (rows, places)))
    return _divergence(held, len(old), len(new))


def _divergence(held: sparse.csr_matrix, old: int, new: int) -> Outcome:
    total = np.asarray(held.sum(axis=0), dtype=np.float64).ravel()

    def statistic(deals: NDArray[np.float32]) -> Floats:
        dealt = np.asarray((held.T @ deals.T).T, dtype=np.float64)
        left, right = _shares(total - dealt), _shares(dealt)
        middle = (left + right) / 2
        entropy: Floats = _entropy(middle) - (_entropy(left) + _entropy(right)) / 2
        floored: Floats = np.maximum(entropy, 0.0)
        return floored

    return _tested(statistic, old, new, _AT_ONCE)


def _shares(counts: Floats) -> Floats:
    shares: Floats = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    return shares


def _entropy(shares: Floats) -> Floats:
    """In bits, a row."""
    found: Floats = -(shares * np.log2(shares, where=shares > 0, out=np.zeros_like(shares))).sum(axis=1)
    return found


def embeddings_differ(old: NDArray[np.float16], new: NDArray[np.float16]) -> Outcome:
    """Squared maximum mean discrepancy under a Gaussian kernel of the median distance (Gretton and others 2012)."""
    points = _scaled(old, new)
    squares = (points**2).sum(axis=1)
    distances = np.maximum(squares[:, None] + squares[None] - 2 * points @ points.T, 0.0)
    middle = float(np.median(distances[np.triu_indices(len(points), 1)])) or 1.0
    kernel = np.exp(-distances / middle)
    single = kernel.astype(np.float32)
    sums, total = kernel.sum(axis=1), kernel.sum()

    def statistic(deals: NDArray[np.float32]) -> Floats:
        within = np.einsum("ij,ij->i", deals @ single, deals, dtype=np.float64)
        touching = deals @ sums
        across = touching - within
        others = total - touching - across
        found: Floats = within / len(new) ** 2 + others / len(old) ** 2 - 2 * across / (len(new) * len(old))
        return found

    return _tested(statistic, len(old), len(new))


def told_apart(old: NDArray[np.float16], new: NDArray[np.float16]) -> tuple[Outcome, Floats]:
    """How well a classifier tells old texts from new ones by their embedding: cross-validated AUC.

    The classifier is a ridge regression on the heap's number, a linear discriminant with shrinkage. Its predictions
    are a fixed matrix times the labels, so that every permutation trains it anew for the cost of one product. AUC is
    taken inside each of five folds and averaged: scores of different folds are not comparable.

    Returns:
        The test, and how new each of the `new` texts looked, float64 (new,), larger is newer.
    """
    points = _scaled(old, new)
    count = len(points)
    fold = np.random.default_rng(_SEED).permutation(count) % _FOLDS
    hats = []
    for number in range(_FOLDS):
        inside, outside = points[fold == number], points[fold != number]
        centre = outside.mean(axis=0)
        outside, inside = outside - centre, inside - centre
        spread = outside.T @ outside
        spread[np.diag_indices_from(spread)] += np.trace(spread) / len(spread)  # as strong as the mean direction
        hats.append((fold == number, fold != number, inside @ np.linalg.solve(spread, outside.T)))

    def scores(deals: NDArray[np.float32]) -> Floats:
        found = np.empty(deals.shape)
        for inside, outside, hat in hats:
            labels = deals[:, outside]
            found[:, inside] = (labels - labels.mean(axis=1, keepdims=True)) @ hat.T
        return found

    def statistic(deals: NDArray[np.float32]) -> Floats:
        judged = scores(deals)
        areas: Floats = np.mean([_auc(judged[:, inside], deals[:, inside]) for inside, _, _ in hats], axis=0)
        return areas

    outcome = _tested(statistic, len(old), len(new))
    true = np.concatenate([np.zeros(len(old), np.float32), np.ones(len(new), np.float32)])[None]
    return outcome, scores(true)[0, len(old) :]


def families_differ(
    old: NDArray[np.float16], new: NDArray[np.float16], old_names: Sequence[str], new_names: Sequence[str], fewest: int
) -> tuple[Outcome, dict[str, float]]:
    """Whether the texts of any one family moved: distance of mean embeddings, dealt inside each family.

    Families of different sizes are made comparable by the mean and deviation of their own null; the statistic is the
    largest of them, so one test covers all families, and a family's own p-value counts how often the largest of all
    reaches it by chance (Westfall and Young 1993, single step).

    A family needs `fewest` texts on each side.

    Returns:
        The test of the largest, and the adjusted p-value of each family that has enough texts. Without such a family
        the null is empty.
    """
    points = _scaled(old, new)
    names = np.array([*old_names, *new_names], dtype=object)
    is_new = np.arange(len(points)) >= len(old)
    standing: dict[str, tuple[float, Floats]] = {}
    for name in sorted({*old_names} & {*new_names} - {""}):
        before, after = points[(names == name) & ~is_new], points[(names == name) & is_new]
        if min(len(before), len(after)) >= fewest:
            standing[name] = _distance(before, after, seed=_SEED + len(standing))
    if not standing:
        return Outcome(0.0, np.empty(0)), {}
    outcome = Outcome(max(z for z, _ in standing.values()), np.max([null for _, null in standing.values()], axis=0))
    return outcome, {name: Outcome(z, outcome.null).p for name, (z, _) in standing.items()}


def _distance(old: Floats, new: Floats, seed: int) -> tuple[float, Floats]:
    """Distance of two means, in deviations of its own null; seen, and dealt."""
    points, total = np.concatenate([old, new]), np.concatenate([old, new]).sum(axis=0)
    true = np.concatenate([np.zeros(len(old), np.float32), np.ones(len(new), np.float32)])[None]
    deals = np.concatenate([true, _deals(len(old), len(new), seed=seed)])
    sums = deals @ points
    found = np.sqrt(((sums / len(new) - (total - sums) / len(old)) ** 2).sum(axis=1))
    found = (found - found[1:].mean()) / (found[1:].std() or 1.0)
    return float(found[0]), found[1:]


def _scaled(old: NDArray[np.float16], new: NDArray[np.float16]) -> Floats:
    """Both samples on one scale: centred, divided by the overall deviation."""
    points = np.concatenate([old, new]).astype(np.float64)
    points -= points.mean(axis=0)
    return points / (points.std() or 1.0)


def _auc(scores: Floats, labels: NDArray[np.float32]) -> Floats:
    """Area under the ROC curve of each row; 0.5 where a row has one label only."""
    ranks = scores.argsort(axis=1).argsort(axis=1) + 1.0
    positive = labels.sum(axis=1, dtype=np.float64)
    negative = labels.shape[1] - positive
    pairs = np.maximum(positive * negative, 1.0)
    area = ((ranks * labels).sum(axis=1) - positive * (positive + 1) / 2) / pairs
    return np.where(positive * negative > 0, area, 0.5)
