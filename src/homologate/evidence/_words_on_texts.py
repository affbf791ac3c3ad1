"""Example texts with the words that decided, as the facts carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homologate.evidence._scoring import AnswerLike, TextScorer

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["answers", "example", "shown"]

_LONGEST = 1_500
"""Characters of a text that are shown."""


def shown(scorer: TextScorer, rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Score `rows` with words and describe each."""
    found = answers(scorer, rows["text"].tolist())
    return [example(row, answer) for (_, row), answer in zip(rows.iterrows(), found, strict=True)]


def example(row: pd.Series[Any], answer: AnswerLike) -> dict[str, Any]:
    """One text: id, label, probability, the text (its first 1,500 characters) and its words as [start, end, share]."""
    text = str(row["text"])
    words = [[word.start, word.end, round(word.contribution, 4)] for word in answer.words if word.end <= _LONGEST]
    return {
        "id": str(row["id"]),
        "label": str(row["label"]),
        "answer": answer.label,
        "probability": round(answer.probability, 4),
        "component": str(row["component"]),
        "text": text[:_LONGEST],
        "shortened": len(text) > _LONGEST,
        "words": words,
        "cause": [int(row["cause_start"]), int(row["cause_end"])] if row["cause_start"] >= 0 else None,
    }


def answers(scorer: TextScorer, texts: list[str]) -> list[AnswerLike]:
    """Answers with words; the scorer's faults leave as errors of this project."""
    from homologate.scoring import faults_as_errors

    with faults_as_errors():
        return list(scorer.answers(texts, explain=True)) if texts else []
