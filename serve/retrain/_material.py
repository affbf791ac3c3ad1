"""What a retraining may learn: reviewed feedback with its texts, checked for label noise, a part of it held out."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.collection import Feedback, Prediction
from homologate.settings import LabelSettings
from serve.feedback import truths

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXCLUDED", "Material", "Row", "gather", "suspicious", "told", "write"]

EXCLUDED = {
    "unreviewed": "nobody but the person who said it has looked at it",
    "rejected": "a reviewer rejected it",
    "no_prediction": "its prediction expired or was forgotten",
    "hash_only": "privacy kept the hash of the text alone",
    "contradicted": "the same text has two accepted labels",
    "suspicious": "the label-noise check doubts its label; review it again",
}
"""Why feedback is not learnt from."""

COLUMNS = ("id", "text", "label", "date", "component", "manufacturer")
FOLDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One text with a label that two people stand behind."""

    id: str
    text: str
    label: str
    date: str
    component: str


@dataclass(slots=True)
class Material:
    """`train` is learnt from, `held_out` measured on; `excluded` counts the rest by `EXCLUDED`."""

    train: list[Row] = field(default_factory=list)
    held_out: list[Row] = field(default_factory=list)
    excluded: Counter[str] = field(default_factory=Counter)
    suspicious: list[Row] = field(default_factory=list)


def gather(remarks: Sequence[Feedback], predictions: Iterable[Prediction], held_out_share: float) -> Material:
    """Reviewed feedback as rows.

    Whether a text is held out follows from its hash, so it stays held out in every later retraining.

    Args:
        remarks: all feedback on the model.
        predictions: of the model.
        held_out_share: of the texts.
    """
    found = Material()
    accepted = truths(remark for remark in remarks if remark.review == "accepted")
    found.excluded["unreviewed"] = sum(remark.review is None for remark in remarks)
    found.excluded["rejected"] = sum(remark.review == "rejected" for remark in remarks)
    rows: dict[str, Row | None] = {}
    missing = set(accepted)
    for prediction in predictions:
        remark = accepted.get(prediction.id)
        if remark is None or prediction.role == "shadow":
            continue
        missing.discard(prediction.id)
        if prediction.text is None:
            found.excluded["hash_only"] += 1
            continue
        component = prediction.component or remark.component
        row = Row(f"feedback-{prediction.id}", prediction.text, remark.label, f"{prediction.time:%Y-%m-%d}", component)
        known = rows.setdefault(row.text, row)
        if known is None or known.label != row.label:
            found.excluded["contradicted"] += 1 if known is None else 2
            rows[row.text] = None
    found.excluded["no_prediction"] = len(missing)
    for kept in rows.values():
        if kept is not None:
            (found.held_out if _place(kept.text) < held_out_share else found.train).append(kept)
    return found


def suspicious(old: pd.DataFrame, rows: Sequence[Row], labels: LabelSettings) -> list[Row]:
    """The rows whose label cleanlab doubts, judged by a bag of words that has not seen them.

    The model in Production cannot be asked: corrections are what it gets wrong. Probabilities are out of sample, by
    cross-validation over old and new rows together (Northcutt, Jiang & Chuang 2021, "Confident Learning").

    Args:
        old: rows with `text` and `label` the model learnt from.
        rows: the new ones.
        labels: the two words.
    """
    import numpy as np
    from cleanlab.filter import find_label_issues
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline

    texts = [*old["text"], *(row.text for row in rows)]
    given = [*old["label"], *(row.label for row in rows)]
    truth = np.array([label == labels.positive for label in given], dtype=int)
    if not rows or np.bincount(truth, minlength=2).min() < FOLDS:
        return []
    bag = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2), LogisticRegression(max_iter=1000))
    probabilities = cross_val_predict(bag, texts, truth, cv=FOLDS, method="predict_proba")
    doubted = find_label_issues(truth, probabilities, filter_by="both", n_jobs=1)
    return [row for row, doubt in zip(rows, doubted[len(old) :], strict=True) if doubt]


def write(rows: Sequence[Row], file: Path) -> None:
    """The rows as the CSV `data.corrections` names."""
    import csv

    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows([row.id, row.text, row.label, row.date, row.component, ""] for row in rows)


def told(material: Material) -> dict[str, Any]:
    """The counts, for the run and the page."""
    return {
        "train": len(material.train),
        "held_out": len(material.held_out),
        "excluded": {reason: material.excluded[reason] for reason in EXCLUDED if material.excluded[reason]},
    }


def _place(text: str) -> float:
    return int.from_bytes(hashlib.sha256(b"held out\0" + text.encode()).digest()[:8], "big") / 2**64
