"""Does the text give the answer away: how far trivial readings predict the label.

Three readings that know nothing of components: how long the text is, whether one word or phrase occurs, and turns of
phrase alone. A *turn of phrase* is two to four words that contain a function word and no digit ("in the event of"):
it tells how a notice was written, not what broke; those that belong to one kind of component ("the tyre is") are left
out. Every reading is fitted on train and judged on test.

    leak   one word or phrase, turns of phrase alone, or length alone, all but decides the label
    mild   turns of phrase (or length) predict it well beyond chance: named, with what they are worth
    none   nothing of the kind was found

Where the true cause of every row is known, it is cut out first: what predicts the label then is no technical fact.
Near-duplicates across the split are counted here too: a test text the model has seen is not a test.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from homologate.evidence._intervals import Interval, Resampler, known
from homologate.evidence._metrics import Verdicts, statistics
from homologate.settings import CostSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

__all__ = ["GIVES_AWAY", "TELLS", "probe"]

GIVES_AWAY = 0.95
"""ROC-AUC on test from which a trivial reading counts as a leak."""
TELLS = 0.6
"""ROC-AUC whose lower bound a trivial reading must pass to count as a mild leak."""

_SHOWN = 20
_LEAST_TEXTS = 8
_FALSE_DISCOVERY = 0.01
_SAME_TEXTS = 0.7
_SUBJECTS = 4
_WORD = r"(?u)\b[^\W\d_]{2,}\b"
_PHRASE = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def probe(
    train: pd.DataFrame, test: pd.DataFrame, positive: str, resampler: Resampler, *, twin_cosine: float
) -> dict[str, Any]:
    """Fit every trivial reading on `train`, judge it on `test`.

    Args:
        train: canonical rows; both labels must occur.
        test: canonical rows.
        positive: the positive label.
        resampler: over the rows of `test`.
        twin_cosine: TF-IDF cosine above which two texts are near-duplicates.

    Returns:
        `level`, `reasons` for it, and what each reading is worth: `length`, `words`, `phrases`, `turns_of_phrase`,
        `near_duplicates`; `cause_cut_out` says that true causes were removed first, `score` is the best ROC-AUC any
        trivial reading reached on test.
    """
    y, truth = (train["label"] == positive).to_numpy(), (test["label"] == positive).to_numpy()
    everything = train["text"].tolist(), test["text"].tolist()
    cut = bool((train["cause_start"] >= 0).all() and (test["cause_start"] >= 0).all())
    if cut:
        train, test = train.assign(text=_outside(train)), test.assign(text=_outside(test))
    before, now = train["text"].tolist(), test["text"].tolist()
    length = _auc(_length_model(before, y, now), truth, resampler)
    style = _style(train)
    words = _single(before, y, now, truth)
    phrases = _single(before, y, now, truth, style)
    turns = _auc(_style_model(style, before, y, now), truth, resampler)
    found: dict[str, Any] = {
        "cause_cut_out": cut,
        "length": {"roc_auc": length},
        "words": words,
        "phrases": phrases,
        "turns_of_phrase": {"roc_auc": turns},
        "near_duplicates": near_duplicates(*everything, twin_cosine),
    }
    found["reasons"] = _reasons(found)
    found["level"] = "leak" if any(r["level"] == "leak" for r in found["reasons"]) else _mild(found["reasons"])
    best = [length["value"], turns["value"], *(entry["roc_auc"] for entry in words + phrases)]
    found["score"] = max((value for value in best if value is not None), default=None)
    return found


def _outside(rows: pd.DataFrame) -> list[str]:
    """The texts without their true causes: what is left must not tell the label."""
    spans = zip(rows["text"], rows["cause_start"], rows["cause_end"], strict=True)
    return [f"{text[:start]} . {text[end:]}" for text, start, end in spans]


def near_duplicates(before: Sequence[str], now: Sequence[str], cosine: float) -> dict[str, Any]:
    """How many test texts have a twin in train, and how many are there word for word."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectors = TfidfVectorizer(sublinear_tf=True).fit_transform([*before, *now])
    closest = np.zeros(len(now))
    for first in range(0, len(now), 256):
        block = vectors[len(before) + first : len(before) + min(first + 256, len(now))] @ vectors[: len(before)].T
        closest[first : first + block.shape[0]] = np.asarray(block.max(axis=1).todense()).ravel()
    known_texts = set(before)
    return {
        "cosine": cosine,
        "test_rows": len(now),
        "twins": int(np.sum(closest > cosine)),
        "identical": sum(text in known_texts for text in now),
    }


def _length_model(before: Sequence[str], y: NDArray[np.bool_], now: Sequence[str]) -> NDArray[np.float64]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import SplineTransformer

    def sizes(texts: Sequence[str]) -> NDArray[np.float64]:
        return np.array([[np.log1p(len(text)), np.log1p(len(text.split()))] for text in texts])

    model = make_pipeline(SplineTransformer(n_knots=5), LogisticRegression(class_weight="balanced", max_iter=2000))
    return np.asarray(model.fit(sizes(before), y).predict_proba(sizes(now))[:, 1])


def _style(train: pd.DataFrame) -> list[str]:
    """The turns of phrase of `train` that belong to no subject: spread over at least `_SUBJECTS` kinds of component.

    Where fewer kinds are known, every turn of phrase counts. The spread is the exponential of the entropy of
    components among the texts with the phrase, that is, how many equally common kinds would be as mixed.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    reader = CountVectorizer(analyzer=_turns, binary=True, min_df=_LEAST_TEXTS)
    try:
        seen = reader.fit_transform(train["text"])
    except ValueError:  # no turn of phrase occurs often enough
        return []
    names = reader.get_feature_names_out()
    kinds, codes = np.unique(train["component"].to_numpy(dtype=str), return_inverse=True)
    if len(kinds) < 2 * _SUBJECTS:
        return [str(name) for name in names]
    counts = np.asarray(np.eye(len(kinds))[codes].T @ seen) + 1e-12
    shares = counts / counts.sum(axis=0)
    spread = np.exp(-(shares * np.log(shares)).sum(axis=0))
    return [str(name) for name in names[spread >= _SUBJECTS]]


def _style_model(
    style: list[str], before: Sequence[str], y: NDArray[np.bool_], now: Sequence[str]
) -> NDArray[np.float64]:
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    if not style:
        return np.full(len(now), 0.5)
    reader = CountVectorizer(analyzer=_turns, binary=True, vocabulary=style)
    model = LogisticRegression(class_weight="balanced", C=0.3, max_iter=2000).fit(reader.fit_transform(before), y)
    return np.asarray(model.predict_proba(reader.transform(now))[:, 1])


def _turns(text: str) -> list[str]:
    """The turns of phrase of a text: two to four neighbouring words, one of them a function word, none with digits."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    found = []
    for clause in re.split(r"[^\w\s']|\w*\d\w*", text.lower()):
        words = _PHRASE.findall(clause)
        for size in (2, 3, 4):
            for first in range(len(words) - size + 1):
                phrase = words[first : first + size]
                if not ENGLISH_STOP_WORDS.isdisjoint(phrase):
                    found.append(" ".join(phrase))
    return found


def _single(
    before: Sequence[str],
    y: NDArray[np.bool_],
    now: Sequence[str],
    truth: NDArray[np.bool_],
    style: list[str] | None = None,
) -> list[dict[str, Any]]:
    """Words (or turns of phrase, where given) that go with a label in train, and what each is worth on test.

    Of several that occur in nearly the same texts, only the longest is named.
    """
    from scipy.stats import false_discovery_control
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.feature_selection import chi2

    if style is not None and not style:
        return []
    options: dict[str, Any] = {"token_pattern": _WORD, "min_df": _LEAST_TEXTS}
    reader = CountVectorizer(
        binary=True, **({"analyzer": _turns, "vocabulary": style} if style is not None else options)
    )
    try:
        seen = reader.fit_transform(before)
    except ValueError:  # nothing occurs often enough
        return []
    has, has_now = seen.toarray() > 0, reader.transform(now).toarray() > 0
    q = false_discovery_control(np.nan_to_num(chi2(seen, y)[1], nan=1.0))
    names = [str(name) for name in reader.get_feature_names_out()]
    found: list[dict[str, Any]] = []
    left = [int(i) for i in np.argsort(q, kind="stable") if q[i] < _FALSE_DISCOVERY]
    while left and len(found) < _SHOWN:
        alike = [i for i in left if _jaccard(has[:, left[0]], has[:, i]) >= _SAME_TEXTS]
        best = max(alike, key=lambda i: len(names[i])) if style is not None else left[0]
        left = [i for i in left if i not in alike]
        towards = bool(has[y, best].mean() >= has[~y, best].mean())
        found.append(
            {
                "text": names[best],
                "towards_positive": towards,
                "train_texts": int(has[:, best].sum()),
                "share_of_positives": known(float(has[y, best].mean()))["value"],
                "share_of_negatives": known(float(has[~y, best].mean()))["value"],
                "roc_auc": _presence_auc(has_now[:, best], truth, towards),
            }
        )
    return found


def _jaccard(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return int(np.sum(one & other)) / max(int(np.sum(one | other)), 1)


def _presence_auc(has: NDArray[np.bool_], truth: NDArray[np.bool_], towards: bool) -> float | None:
    if not truth.any() or truth.all():
        return None
    auc = 0.5 + 0.5 * (float(has[truth].mean()) - float(has[~truth].mean()))
    return known(auc if towards else 1 - auc)["value"]


def _auc(p: NDArray[np.float64], truth: NDArray[np.bool_], resampler: Resampler) -> Interval:
    return resampler.interval(statistics(Verdicts(truth, p, 0.5), CostSettings())["roc_auc"])


def _reasons(found: dict[str, Any]) -> list[dict[str, str]]:
    reasons = []
    for name, words in (("length", "the length of the text"), ("turns_of_phrase", "turns of phrase")):
        auc = found[name]["roc_auc"]
        if auc["value"] is None:
            continue
        worth = f"{words} alone reach ROC-AUC {auc['value']:.2f} on test"
        if auc["value"] >= GIVES_AWAY:
            reasons.append({"level": "leak", "text": worth})
        elif auc["low"] is not None and auc["low"] > TELLS:
            named = [f"“{entry['text']}”" for entry in found["phrases"][:5]] if name == "turns_of_phrase" else []
            reasons.append({"level": "mild", "text": worth + (f", most of all {', '.join(named)}" if named else "")})
    for entry in found["words"] + found["phrases"]:
        if entry["roc_auc"] is not None and entry["roc_auc"] >= GIVES_AWAY:
            text = f"“{entry['text']}” alone reaches ROC-AUC {entry['roc_auc']:.2f} on test"
            reasons.append({"level": "leak", "text": text})
    twins = found["near_duplicates"]
    if twins["identical"]:
        text = f"{twins['identical']} of {twins['test_rows']} test texts occur word for word in train"
        reasons.append({"level": "leak", "text": text})
    elif twins["twins"]:
        text = f"{twins['twins']} of {twins['test_rows']} test texts have a near-duplicate in train"
        reasons.append({"level": "mild", "text": text})
    return reasons


def _mild(reasons: list[dict[str, str]]) -> str:
    return "mild" if reasons else "none"
