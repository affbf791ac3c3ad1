"""Are the shown words the ones that decide: the explanation put to the test.

Three questions about each text. Take the strongest words away: does the logit fall, and faster than for random words
(deletion)? Keep only them: does it come back (insertion)? Ask a second method that costs a forward pass for every
word (occlusion): does it agree? And where the true cause is known, is the strongest word inside it (the pointing
game; Zhang et al. 2018, "Top-down Neural Attention by Excitation Backprop")?

"Strong" always means strong for the verdict given: shares are turned round where the verdict is the negative label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homologate.evidence._intervals import Interval, Resampler, known, ratio
from homologate.evidence._scoring import AnswerLike, TextScorer, WordLike, probabilities

__all__ = ["STEPS", "Case", "agreement", "cases", "curves", "logit", "mean", "occlusion", "pointing", "stability"]

STEPS = (1, 3, 5, 8)
"""Words taken away, or kept."""

_MOST_WORDS = 120
_EDGE = 1e-7


@dataclass(frozen=True)
class Case:
    """One text, its words, and the share of each word in favour of the verdict given."""

    text: str
    words: tuple[WordLike, ...]
    shares: NDArray[np.float64]
    sign: float
    logit: float
    group: int

    @property
    def ranking(self) -> NDArray[np.intp]:
        """Word indices, the strongest for the verdict first."""
        return np.argsort(-self.shares, kind="stable")


def logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """log-odds of float32 probabilities; the ends are held 1e-7 away from 0 and 1."""
    inside = np.clip(p, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def cases(answers: Sequence[AnswerLike], texts: Sequence[str], groups: Sequence[int], positive: str) -> list[Case]:
    """Texts ready to be tested; those of fewer than three words have nothing to take away and are left out."""
    found = []
    for answer, text, group in zip(answers, texts, groups, strict=True):
        words = tuple(answer.words)[:_MOST_WORDS]
        if len(words) >= 3:
            sign = 1.0 if answer.label == positive else -1.0
            shares = sign * np.array([word.contribution for word in words])
            now = sign * float(logit(np.array([answer.probability]))[0])
            found.append(Case(text, words, shares, sign, now, int(group)))
    return found


def occlusion(scorer: TextScorer, some: Sequence[Case]) -> list[NDArray[np.float64]]:
    """How far the logit of the verdict falls when each word alone is taken away: one array a case."""
    without = [_without(case, [index]) for case in some for index in range(len(case.words))]
    left = logit(probabilities(scorer, without))
    found, first = [], 0
    for case in some:
        last = first + len(case.words)
        found.append(case.logit - case.sign * left[first:last])
        first = last
    return found


def curves(
    scorer: TextScorer, some: Sequence[Case], second: Sequence[NDArray[np.float64]], seed: int = 20
) -> dict[str, Any]:
    """Deletion and insertion of the strongest words, by shares, by occlusion and at random.

    Args:
        scorer: what is tested.
        some: n cases.
        second: occlusion of the first m ≤ n of them.
        seed: of the random order.

    Returns:
        For `deletion` the mean fall of the verdict's logit after `STEPS` words, for `insertion` the mean logit of the
        verdict with only these words, each with intervals; `flips` at five words; the paired `gain` over random, a
        mean over the steps; and `share_of_occlusion`, the shares' fall at five words as a part of occlusion's.
    """
    generator = np.random.default_rng(seed)
    orders: dict[str, list[NDArray[np.intp]]] = {
        "shares": [case.ranking for case in some],
        "random": [generator.permutation(len(case.words)) for case in some],
        "occlusion": [np.argsort(-falls, kind="stable") for falls in second],
    }
    resamplers = {
        name: Resampler([case.group for case in some[: len(order)]]) for name, order in orders.items() if order
    }
    falls = {name: _falls(scorer, some, order) for name, order in orders.items() if order}
    backs = {name: _backs(scorer, some, order) for name, order in orders.items() if order}
    at_five, both = STEPS.index(5), len(second)
    every = resamplers["shares"]
    found: dict[str, Any] = {
        "steps": list(STEPS),
        "texts": len(some),
        "occlusion_texts": both,
        "deletion": {name: _by_step(value, resamplers[name]) for name, value in falls.items()},
        "insertion": {name: _by_step(value, resamplers[name]) for name, value in backs.items()},
        "flips": {
            name: resamplers[name].rate(_flipped(value[:, at_five], some[: len(value)], scorer.threshold))
            for name, value in falls.items()
        },
        "gain": {
            "deletion": mean((falls["shares"] - falls["random"]).mean(axis=1), every),
            "insertion": mean((backs["shares"] - backs["random"]).mean(axis=1), every),
        },
        "share_of_occlusion": None,
    }
    if both:
        ours, theirs = falls["shares"][:both, at_five], falls["occlusion"][:, at_five]
        found["share_of_occlusion"] = resamplers["occlusion"].interval(ratio(ours, theirs))
    return found


def agreement(some: Sequence[Case], second: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    """How far shares and occlusion say the same: rank correlation over words, and overlap of the five strongest."""
    pairs = [(case.shares, falls) for case, falls in zip(some, second, strict=False)]
    return _alike(pairs, [case.group for case in some[: len(pairs)]])


def stability(
    scorer: TextScorer,
    some: Sequence[Case],
    edit: Callable[[str, np.random.Generator], str],
    ask: Callable[[TextScorer, list[str]], Sequence[AnswerLike]],
    seed: int = 20,
) -> dict[str, Any]:
    """How alike the shares are before and after an edit that keeps words in place.

    Words are matched by position, so only texts whose edit keeps their number are compared; the rest are counted.
    """
    generator = np.random.default_rng(seed)
    after = ask(scorer, [edit(case.text, generator) for case in some])
    pairs, groups = [], []
    for case, answer in zip(some, after, strict=True):
        words = tuple(answer.words)[:_MOST_WORDS]
        if len(words) == len(case.words):
            pairs.append((case.shares, case.sign * np.array([word.contribution for word in words])))
            groups.append(case.group)
    return {**_alike(pairs, groups), "left_out": len(some) - len(pairs)}


def pointing(some: Sequence[Case], spans: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """How often the true cause is found by its strongest word.

    Args:
        some: n cases.
        spans: the true cause of each, in characters of its text.

    Returns:
        `first`: the strongest word lies in the cause; `in_three`: one of the three strongest does; `reciprocal_rank`
        of the first word that does; `share`: the cause's part of all positive shares; each with intervals. `chance`:
        what a random word would reach for `first`. `median_rank` is 1 when most causes are found at once.
    """
    inside = [
        np.array([word.start < end and word.end > start for word in case.words])
        for case, (start, end) in zip(some, spans, strict=True)
    ]
    kept = [index for index, found in enumerate(inside) if found.any()]
    if not kept:
        return {"texts": 0, "unseen": len(some)}
    ranks = np.array([int(np.argmax(inside[i][some[i].ranking])) + 1 for i in kept])
    chance = float(np.mean([inside[i].mean() for i in kept]))
    chance_three = float(np.mean([1 - _none_of_three(inside[i]) for i in kept]))
    for_verdict = [np.maximum(some[i].shares, 0.0) for i in kept]
    parts = np.array([s[inside[i]].sum() / max(s.sum(), 1e-12) for s, i in zip(for_verdict, kept, strict=True)])
    resampler = Resampler([some[i].group for i in kept])
    return {
        "texts": len(kept),
        "unseen": len(some) - len(kept),
        "first": resampler.rate(ranks == 1),
        "in_three": resampler.rate(ranks <= 3),
        "chance": known(chance)["value"],
        "chance_in_three": known(chance_three)["value"],
        "reciprocal_rank": mean(1 / ranks, resampler),
        "median_rank": float(np.median(ranks)),
        "share": mean(parts, resampler),
    }


def mean(values: NDArray[np.float64], resampler: Resampler) -> Interval:
    """The mean over texts, with its interval."""
    return resampler.interval(ratio(values, np.ones(len(values))))


def _none_of_three(inside: NDArray[np.bool_]) -> float:
    """Chance that three different random words all miss the cause."""
    n, outside, none = len(inside), int((~inside).sum()), 1.0
    for drawn in range(3):
        none *= max(outside - drawn, 0) / max(n - drawn, 1)
    return none


def _without(case: Case, indices: Sequence[int]) -> str:
    """The text with some words cut out."""
    text = case.text
    for index in sorted(indices, reverse=True):
        word = case.words[index]
        text = text[: word.start] + text[word.end :]
    shorter = " ".join(text.split())
    return shorter or "."


def _only(case: Case, indices: Sequence[int]) -> str:
    return " ".join(case.words[index].text for index in sorted(indices))


def _falls(scorer: TextScorer, some: Sequence[Case], orders: Sequence[NDArray[np.intp]]) -> NDArray[np.float64]:
    """(n, steps): how far the verdict's logit falls. At least one word is always left."""
    texts = [
        _without(case, order[: min(step, len(order) - 1)].tolist())
        for case, order in zip(some, orders, strict=False)
        for step in STEPS
    ]
    left = logit(probabilities(scorer, texts)).reshape(-1, len(STEPS))
    signs, before = _columns(some[: len(left)])
    return np.asarray(before - signs * left)


def _backs(scorer: TextScorer, some: Sequence[Case], orders: Sequence[NDArray[np.intp]]) -> NDArray[np.float64]:
    """(n, steps): the verdict's logit with only these words."""
    texts = [_only(case, order[:step].tolist()) for case, order in zip(some, orders, strict=False) for step in STEPS]
    back = logit(probabilities(scorer, texts)).reshape(-1, len(STEPS))
    return np.asarray(_columns(some[: len(back)])[0] * back)


def _columns(some: Sequence[Case]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.array([[case.sign] for case in some]), np.array([[case.logit] for case in some])


def _by_step(values: NDArray[np.float64], resampler: Resampler) -> list[Interval]:
    return [mean(values[:, step], resampler) for step in range(len(STEPS))]


def _flipped(falls: NDArray[np.float64], some: Sequence[Case], threshold: float) -> NDArray[np.bool_]:
    cut = float(logit(np.array([threshold]))[0])
    signs, before = (column[:, 0] for column in _columns(some))
    return np.asarray((signs * (before - falls) >= cut) != (signs > 0))


def _alike(pairs: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], groups: Sequence[int]) -> dict[str, Any]:
    from scipy.stats import rankdata

    if not pairs:
        return {"texts": 0, "rank_correlation": known(None), "top_five": known(None), "top_one": known(None)}
    correlations, fives, ones = [], [], []
    for one, other in pairs:
        a, b = rankdata(one) - (len(one) + 1) / 2, rankdata(other) - (len(other) + 1) / 2
        norm = float(np.sqrt((a @ a) * (b @ b)))
        correlations.append(float(a @ b) / norm if norm > 0 else 0.0)
        top = min(5, len(one))
        first, second = np.argsort(-one, kind="stable"), np.argsort(-other, kind="stable")
        fives.append(len(set(first[:top]) & set(second[:top])) / top)
        ones.append(float(first[0] == second[0]))
    resampler = Resampler(groups)
    return {
        "texts": len(pairs),
        "rank_correlation": mean(np.array(correlations), resampler),
        "top_five": mean(np.array(fives), resampler),
        "top_one": resampler.rate(np.array(ones) > 0),
    }
