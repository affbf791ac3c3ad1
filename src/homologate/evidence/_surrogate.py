"""What it decides on, all in all: a linear model of words that imitates the black box.

The surrogate is fitted by interpret-community's MimicExplainer on whether each word (or pair of words) occurs, to
predict the logit the scorer gives. A surrogate is only as good as its imitation, so its fidelity on texts it has not
seen stands beside it, and so do the places where it fails: numbers against limits, for one, are no words.

The explainer wants a model of rows, the black box is a model of texts: `_Lookup` answers a row of words with the
scorer's logit of the text it came from. It can therefore only be asked about rows it was given: those the surrogate
learns from and those to explain, which is all the explainer asks as long as it adds no rows of its own
(`augment_data=False`).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homologate.evidence._intervals import Resampler, Weights, known

__all__ = ["Surrogate", "fidelity", "fit"]

_LEAST_TEXTS = 3
_SAME_TEXTS = 0.9
_WORD = r"(?u)\b[^\W\d_][\w-]*[^\W_]\b"


@dataclass(frozen=True)
class Surrogate:
    """A linear imitation of a scorer.

    `words[i]` adds `coefficients[i]` to the logit where it occurs; `importances[i]` is the mean size of its share over
    the texts asked (interpret-community's global importance); `logits` are the imitated logits of those texts.
    """

    words: list[str]
    coefficients: NDArray[np.float64]
    importances: NDArray[np.float64]
    texts_with: NDArray[np.int64]
    logits: NDArray[np.float64]
    known_words: NDArray[np.int64]


class _Lookup:
    """The black box as a function of word rows. Where texts share a row, the answer is their mean.

    Rows to explain that are also rows to learn from answer as the latter: nothing of the former may be learnt.
    """

    def __init__(self, *parts: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
        self._answers: dict[bytes, float] = {}
        for rows, logits in parts:
            sums: dict[bytes, list[float]] = {}
            for row, logit in zip(rows, logits, strict=True):
                sums.setdefault(row.tobytes(), []).append(float(logit))
            self._answers = {key: float(np.mean(values)) for key, values in sums.items()} | self._answers

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        asked = np.ascontiguousarray(np.asarray(rows, dtype=np.float64))
        return np.array([self._answers[row.tobytes()] for row in asked])


def fit(
    texts: Sequence[str],
    logits: NDArray[np.float64],
    ask: Sequence[str],
    ask_logits: NDArray[np.float64],
    *,
    words: int,
    seed: int = 20,
) -> Surrogate:
    """Imitate `logits` of `texts` with at most `words` words, and explain `ask`.

    Args:
        texts: n texts the surrogate learns from; none of them may be in `ask`, or fidelity flatters.
        logits: float64 (n,), what the black box says of them.
        ask: m texts to explain and to measure fidelity on.
        ask_logits: float64 (m,), what the black box says of them; the surrogate does not learn from these.
        words: at most so many words and pairs of words are features, by their linear association with the logit.
        seed: of the solver.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.feature_selection import f_regression

    least = min(_LEAST_TEXTS, len(texts))
    reader = CountVectorizer(binary=True, ngram_range=(1, 2), min_df=least, token_pattern=_WORD, dtype=np.float64)
    seen = reader.fit_transform(texts)
    with np.errstate(invalid="ignore", divide="ignore"):  # a word in every text has no variance
        strength = np.nan_to_num(f_regression(seen, logits)[0])
    kept = _distinct(seen, strength, reader.get_feature_names_out(), words)
    rows = np.ascontiguousarray(seen[:, kept].toarray())
    asked = np.ascontiguousarray(reader.transform(ask)[:, kept].toarray())
    names = [str(name) for name in reader.get_feature_names_out()[kept]]
    with _quiet():
        importances, model = _mimic(_Lookup((rows, logits), (asked, ask_logits)), rows, asked, names, seed)
    return Surrogate(
        words=names,
        coefficients=np.asarray(model.coef_, dtype=np.float64).ravel(),
        importances=importances,
        texts_with=asked.sum(axis=0).astype(np.int64),
        logits=np.asarray(model.predict(asked), dtype=np.float64).ravel(),
        known_words=asked.sum(axis=1).astype(np.int64),
    )


def _distinct(seen: Any, strength: NDArray[np.float64], names: Any, count: int) -> NDArray[np.intp]:
    """The strongest columns, less those that occur in nearly the same texts as a stronger (or shorter) one."""
    order = np.lexsort((np.array([len(name) for name in names]), -np.round(strength, 6)))[: 3 * count]
    there = seen[:, order].toarray() > 0
    both = there.T.astype(float) @ there
    alike = both / np.maximum(there.sum(axis=0)[:, None] + there.sum(axis=0)[None, :] - both, 1) >= _SAME_TEXTS
    kept: list[int] = []
    for index in range(len(order)):
        if len(kept) < count and not alike[index, kept].any():
            kept.append(index)
    return np.sort(order[kept])


def _mimic(
    black_box: _Lookup, rows: NDArray[np.float64], asked: NDArray[np.float64], names: list[str], seed: int
) -> tuple[NDArray[np.float64], Any]:
    from interpret_community.mimic.mimic_explainer import MimicExplainer
    from interpret_community.mimic.models.linear_model import LinearExplainableModel
    from sklearn.linear_model import RidgeCV

    class Ridge(LinearExplainableModel):  # type: ignore[misc]
        """interpret-community's linear surrogate with a ridge: words are collinear, and without it they explode."""

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self._linear = RidgeCV(alphas=np.logspace(-1, 3, 17))

    explainer = MimicExplainer(
        black_box, rows, Ridge, features=names, augment_data=False, model_task="regression",
        explainable_model_args={"random_state": seed},
    )  # fmt: skip
    found = explainer.explain_global(asked, include_local=False)
    importances = np.zeros(len(names))
    importances[np.asarray(found.global_importance_rank)] = found.get_ranked_global_values()
    return importances, explainer.surrogate_model.model


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what the explainer says on import (of optional packages, of deprecations) and its global seed."""
    state = np.random.get_state()
    aside = io.StringIO()
    try:
        with warnings.catch_warnings(), redirect_stdout(aside), redirect_stderr(aside):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)


def fidelity(
    truth: NDArray[np.float64], imitated: NDArray[np.float64], cut: float, resampler: Resampler
) -> dict[str, Any]:
    """How well the imitation holds: R² of the logit and agreement of verdicts, with intervals.

    Args:
        truth: float64 (n,), the scorer's logits.
        imitated: float64 (n,), the surrogate's.
        cut: the logit of the decision threshold.
        resampler: over the same rows.
    """

    def r2(weights: Weights) -> NDArray[np.float64]:
        total = weights.sum(axis=1)
        mean = (weights @ truth) / total
        spread = weights @ truth**2 / total - mean**2
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(
                np.where(spread > 1e-12, 1 - (weights @ (truth - imitated) ** 2) / total / spread, np.nan)
            )

    agree = (truth >= cut) == (imitated >= cut)
    commonest = max(float(np.mean(truth >= cut)), 1 - float(np.mean(truth >= cut)))
    return {
        "r2": resampler.interval(r2),
        "agreement": resampler.rate(agree),
        "agreement_of_a_constant": known(commonest)["value"],
    }
