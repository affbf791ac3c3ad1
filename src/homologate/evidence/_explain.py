"""The explanation: what the verdicts of these very bytes rest on, and how far the shown words are true.

The words shown are those every answer carries (`Scorer.answers(..., explain=True)`): the same method in the report and
in production. Global importances come from a surrogate; faithfulness, agreement, stability and, where the true cause
is known, the pointing game say how far either can be believed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from homologate.errors import DataError
from homologate.evidence import _faithfulness as faithfulness
from homologate.evidence._behaviour import EDITS
from homologate.evidence._drivers import check_drivers, forbidden
from homologate.evidence._intervals import Resampler, known
from homologate.evidence._sample import balanced
from homologate.evidence._scoring import AnswerLike, TextScorer, open_scorers, probabilities
from homologate.evidence._surrogate import Surrogate, fidelity, fit
from homologate.evidence._verdicts import explanation_cautions, explanation_verdict
from homologate.evidence._words_on_texts import answers, example
from homologate.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["explain", "explain_scorer"]

SCHEMA = 1
_FIT_TEXTS = 400
_OCCLUDED = 0.5
_OCCLUDED_WORDS = 20
_STABLE_EDITS = ("spelling", "white_space", "lower_case")
_BARS = 20
_EACH = 3

Progress = Callable[[str], None]


def explain(
    model_dir: str | os.PathLike[str],
    frame: pd.DataFrame,
    settings: Settings,
    *,
    digest: str,
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """Explain a model directory on the test rows of a split frame, in the precision that is served.

    Args:
        model_dir: what `homologate.scorer.Scorer` opens.
        frame: canonical rows with `group` and `split`; the surrogate learns from rows that are not test rows.
        settings: `explanation` says how many words and texts, and which drivers are forbidden.
        digest: `sha256:<hex>` of the model directory; the subject of the facts.
        progress: is told each step as it begins.

    Returns:
        Facts of kind `explanation` (docs/evidence.md, "What the facts contain").

    Raises:
        ModelError: the directory is broken or answers other label words.
        DataError: there are no test rows, or nothing but test rows.
        UsageError: a forbidden driver names a column that does not exist.
    """
    progress("opening the ONNX file")
    served = settings.scoring.precision
    scorer = open_scorers(model_dir, (served,), settings.data.labels.words)[served]
    return explain_scorer(scorer, frame, settings, digest=digest, progress=progress)


def explain_scorer(
    scorer: TextScorer,
    frame: pd.DataFrame,
    settings: Settings,
    *,
    digest: str,
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """`explain` for a scorer that is already open."""
    positive = settings.data.labels.positive
    drivers = forbidden(settings.explanation.forbidden_drivers, frame)
    test = frame[frame["split"] == "test"].reset_index(drop=True)
    others = frame[frame["split"] != "test"]
    if test.empty or others.empty:
        raise DataError(
            f"{len(test)} test rows and {len(others)} other rows", place="column 'split'",
            legal="some of each: one to explain, one to learn the surrogate from", next_command="homologate prepare",
        )  # fmt: skip
    resampler = Resampler(test["group"])

    progress(f"words of {len(test)} test texts")
    found = answers(scorer, test["text"].tolist())
    p = np.array([answer.probability for answer in found])

    progress("fitting the surrogate")
    fit_rows = others.sample(n=min(_FIT_TEXTS, len(others)), random_state=20)
    surrogate = fit(
        fit_rows["text"].tolist(),
        faithfulness.logit(probabilities(scorer, fit_rows["text"].tolist())),
        test["text"].tolist(),
        faithfulness.logit(p),
        words=settings.explanation.surrogate_words,
    )
    ranked = [surrogate.words[index] for index in np.argsort(-surrogate.importances, kind="stable")]

    progress("deletion, insertion and occlusion")
    rows = balanced(p >= scorer.threshold, settings.explanation.faithfulness_texts)
    some = _cases(found, test, rows, positive)
    second = faithfulness.occlusion(scorer, some[: _affordable(some)]) if some else []

    facts: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "explanation",
        "subject": {"digest": digest},
        "verdict": "",
        "cautions": [],
        "model": settings.model,
        "labels": {"negative": settings.data.labels.negative, "positive": positive},
        "served": settings.scoring.precision,
        "threshold": round(float(scorer.threshold), 6),
        "texts": len(test),
        "global": _global(surrogate, found, p, scorer.threshold, test, len(fit_rows), resampler),
        "faithfulness": faithfulness.curves(scorer, some, second) if some else None,
        "agreement": faithfulness.agreement(some, second),
    }
    progress("stability under small edits")
    facts["stability"] = {
        edit.id: {
            "title": edit.title,
            "sentence": edit.sentence,
            **faithfulness.stability(scorer, some, edit.rewrite, answers),
        }
        for edit in EDITS
        if edit.id in _STABLE_EDITS
    }
    progress("true causes and forbidden drivers")
    facts["pointing"] = _pointing(found, test, positive)
    facts["drivers"] = check_drivers(drivers, scorer, test, found, ranked, resampler)
    facts["examples"] = _examples(found, test, p, scorer.threshold, positive)
    facts["cautions"] = explanation_cautions(facts)
    facts["verdict"] = explanation_verdict(facts)
    return facts


def _cases(
    found: Sequence[AnswerLike], test: pd.DataFrame, rows: Sequence[int] | NDArray[np.int64], positive: str
) -> list[faithfulness.Case]:
    texts, groups = test["text"].to_numpy(), test["group"].to_numpy()
    return faithfulness.cases([found[i] for i in rows], [texts[i] for i in rows], [groups[i] for i in rows], positive)


def _affordable(some: Sequence[faithfulness.Case]) -> int:
    """How many cases occlusion is done on: half of them at most, and 20 forward passes for each of all cases."""
    spent = np.cumsum([len(case.words) for case in some])
    return max(1, min(round(_OCCLUDED * len(some)), int(np.sum(spent <= _OCCLUDED_WORDS * len(some)))))


def _global(
    surrogate: Surrogate,
    found: Sequence[AnswerLike],
    p: NDArray[np.float64],
    threshold: float,
    test: pd.DataFrame,
    fitted: int,
    resampler: Resampler,
) -> dict[str, Any]:
    truth, cut = faithfulness.logit(p), float(faithfulness.logit(np.array([threshold]))[0])
    order = [int(i) for i in np.argsort(-surrogate.importances, kind="stable")[:_BARS]]
    return {
        "method": "interpret-community MimicExplainer, ridge over the presence of words and pairs of words",
        "fitted_texts": fitted,
        "words": len(surrogate.words),
        "features": [
            {
                "word": surrogate.words[i],
                "importance": known(float(surrogate.importances[i]))["value"],
                "coefficient": known(float(surrogate.coefficients[i]))["value"],
                "texts": int(surrogate.texts_with[i]),
            }
            for i in order
        ],
        "fidelity": fidelity(truth, surrogate.logits, cut, resampler),
        "fails": _where_it_fails(surrogate, truth, cut, p, threshold, test, resampler),
        "shares": _mean_shares(found),
    }


def _where_it_fails(
    surrogate: Surrogate,
    truth: NDArray[np.float64],
    cut: float,
    p: NDArray[np.float64],
    threshold: float,
    test: pd.DataFrame,
    resampler: Resampler,
) -> dict[str, Any]:
    """Verdict agreement where it should be hardest, and the texts it imitates worst."""
    agree = (truth >= cut) == (surrogate.logits >= cut)
    digits = test["text"].str.contains(r"\d").to_numpy()
    parts = {
        "texts with numbers": digits,
        "texts without numbers": ~digits,
        "close calls (probability within 0.2 of the threshold)": np.abs(p - threshold) < 0.2,
        "texts with fewer than five known words": surrogate.known_words < 5,
    }
    worst = np.argsort(-np.abs(truth - surrogate.logits))[:4]
    return {
        "parts": [
            {"name": name, "texts": int(inside.sum()), "agreement": resampler.rate(agree, inside)}
            for name, inside in parts.items()
            if inside.any()
        ],
        "texts": [
            {
                "id": str(test["id"].iloc[i]),
                "text": str(test["text"].iloc[i])[:400],
                "logit": round(float(truth[i]), 3),
                "imitated": round(float(surrogate.logits[i]), 3),
            }
            for i in worst
        ],
    }


def _mean_shares(found: Sequence[AnswerLike]) -> list[dict[str, Any]]:
    """The words with the largest total share over all test texts, straight from the answers: no surrogate between."""
    sums: dict[str, list[float]] = {}
    for answer in found:
        own: Counter[str] = Counter()
        for word in answer.words:
            own[word.text.casefold()] += word.contribution  # type: ignore[assignment]
        for word_text, share in own.items():
            sums.setdefault(word_text, []).append(share)
    strongest = sorted(sums, key=lambda word: -sum(map(abs, sums[word])))
    kept = [word for word in strongest if len(sums[word]) >= 3 and any(map(str.isalnum, word))][:_BARS]
    return [
        {"word": word, "mean_share": round(float(np.mean(sums[word])), 5), "texts": len(sums[word])} for word in kept
    ]


def _pointing(found: Sequence[AnswerLike], test: pd.DataFrame, positive: str) -> dict[str, Any]:
    """The pointing game on every test text whose cause is known: all, and by the label given."""
    rows = np.flatnonzero(test["cause_start"].to_numpy() >= 0)
    if not len(rows):
        return {"not_measured": "the true cause of these rows is not known; only generated rows record it"}
    right = np.array([found[i].label == test["label"].iloc[i] for i in rows])
    stopped = np.array([found[i].label == positive for i in rows])
    parts = {
        "all": rows,
        "right": rows[right],
        "wrong": rows[~right],
        "stopped": rows[stopped],
        "passed": rows[~stopped],
    }
    return {"not_measured": None, **{name: _found(found, test, own, positive) for name, own in parts.items()}}


def _found(found: Sequence[AnswerLike], test: pd.DataFrame, rows: NDArray[np.intp], positive: str) -> dict[str, Any]:
    kept = [int(i) for i in rows if len(found[i].words) >= 3]
    spans = [(int(test["cause_start"].iloc[i]), int(test["cause_end"].iloc[i])) for i in kept]
    return faithfulness.pointing(_cases(found, test, kept, positive), spans) if kept else {"texts": 0, "unseen": 0}


def _examples(
    found: Sequence[AnswerLike], test: pd.DataFrame, p: NDArray[np.float64], threshold: float, positive: str
) -> dict[str, list[dict[str, Any]]]:
    """A few texts of each fate: the surest, the middle one, the closest call."""
    bad = (test["label"] == positive).to_numpy()
    stopped = p >= threshold
    fates = {"caught": bad & stopped, "passed": ~bad & ~stopped, "missed": bad & ~stopped, "stopped": ~bad & stopped}
    shown: dict[str, list[dict[str, Any]]] = {}
    for fate, inside in fates.items():
        order = sorted(np.flatnonzero(inside), key=lambda i: -abs(p[i] - threshold))
        picked = sorted({round(at) for at in np.linspace(0, len(order) - 1, _EACH)}) if order else []
        shown[fate] = [example(test.iloc[order[at]], found[order[at]]) for at in picked]
    return shown
