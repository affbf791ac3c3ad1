"""Texts that show what moved, each beside the old text most like it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from homologate.collection import Prediction
from homologate.reference import Sample, words
from serve.monitor._finding import Finding
from serve.monitor._statistics import told_apart

__all__ = ["Old", "examples_of"]

MOST_TEXTS = 5
MOST_WORDS = 6
SHOWN_CHARACTERS = 600
LEAST_ALIKE = 0.8
"""Cosine, after centring, above which two texts say so much the same that another verdict is worth a look."""

Old = Mapping[str, str]
"""Texts of the held-out rows by id, where they are at hand."""


@dataclass(frozen=True)
class _Neighbour:
    row: int
    alike: float


def examples_of(
    finding: Finding,
    chosen: list[Prediction],
    past: Sample,
    present: Sample,
    old: Old,
    labels: tuple[str, str],
    threshold: float,
) -> dict[str, Any]:
    """What the report shows beside the numbers.

    Args:
        finding: of the window.
        chosen: the predictions of the sample, in its order.
        past: of the reference profile.
        present: of the window.
        old: texts of the past, as far as they can be had.
        labels: `(negative, positive)`.
        threshold: of the version.

    Returns:
        `new_words`: a text for each of the most frequent new words; `newest`: the texts least like the past, each
        with its nearest old neighbour; `moved`: texts whose nearest old neighbour got the other verdict.
    """  # fmt: skip
    found: dict[str, Any] = {"new_words": _with_new_words(finding, chosen), "newest": [], "moved": []}
    if not (past.embedding.size and present.embedding.size):
        return found
    neighbours = _neighbours(past.embedding, present.embedding)

    def beside(row: int) -> dict[str, Any]:
        near = neighbours[row]
        probability = float(past.probability[near.row])
        return {
            **_shown(chosen[row]),
            "alike": round(near.alike, 3),
            "old": {
                "id": past.ids[near.row],
                "text": _short(old.get(past.ids[near.row])),
                "component": past.component[near.row],
                "label": labels[int(probability >= threshold)],
                "probability": round(probability, 4),
            },
        }

    if len(present.embedding) >= MOST_TEXTS and len(past.embedding) >= MOST_TEXTS:
        _, newness = told_apart(past.embedding, present.embedding)
        found["newest"] = [beside(int(row)) for row in np.argsort(-newness)[:MOST_TEXTS]]
    old_labels = past.probability >= threshold
    moved = [
        (near.alike, row)
        for row, near in enumerate(neighbours)
        if near.alike >= LEAST_ALIKE and bool(old_labels[near.row]) != bool(present.probability[row] >= threshold)
    ]
    found["moved"] = [beside(row) for _, row in sorted(moved, reverse=True)[:MOST_TEXTS]]
    return found


def _neighbours(past: Any, present: Any) -> list[_Neighbour]:
    centre = past.astype(np.float64).mean(axis=0)
    left, right = (rows.astype(np.float64) - centre for rows in (present, past))
    left, right = (rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9) for rows in (left, right))
    alike = left @ right.T
    best = alike.argmax(axis=1)
    return [_Neighbour(int(row), float(alike[at, row])) for at, row in enumerate(best)]


def _with_new_words(finding: Finding, chosen: list[Prediction]) -> list[dict[str, Any]]:
    found = []
    for new in finding.new_words[:MOST_WORDS]:
        holder = next((p for p in chosen if p.text is not None and new.word in words(p.text)), None)
        if holder is not None:
            found.append({**_shown(holder), "word": new.word, "texts": new.texts})
    return found


def _shown(prediction: Prediction) -> dict[str, Any]:
    return {
        "id": prediction.id,
        "text": _short(prediction.text),
        "component": prediction.component,
        "label": prediction.label,
        "probability": round(prediction.probability, 4),
    }


def _short(text: str | None) -> str | None:
    return text if text is None or len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + " …"
