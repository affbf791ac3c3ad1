"""Verdicts on the rows of one chunk: sorted by length, on every core, each row as if it stood alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict
from typing import Any

from homologate.batch._formats import Row
from homologate.scorer import Answer, InputFault, Scorer

__all__ = ["Verdict", "judged", "verdict_columns"]

SLICE = 32
"""Texts of similar length one thread takes at a time."""

Verdict = Answer | str
"""An answer, or the reason why there is none."""


def judged(
    rows: Sequence[Row],
    scorer: Scorer,
    pool: Executor,
    *,
    text_column: str,
    explain: bool,
    max_characters: int,
    tell: Callable[[int], object],
) -> list[Verdict]:
    """A verdict, or the reason why there is none, for every row, in order.

    Args:
        rows: one chunk.
        scorer: the model.
        pool: threads; each works alone on its slice.
        text_column: which column holds the text.
        explain: whether to add the words.
        max_characters: a longer text is a fault.
        tell: called with the number of rows done.
    """
    found: list[Verdict | None] = [_fault(row, text_column, max_characters) for row in rows]
    texts = {at: rows[at].values[text_column] for at, fault in enumerate(found) if fault is None}
    tell(len(rows) - len(texts))
    # The longest first, so that no thread ends late.
    by_length = sorted(texts, key=lambda at: len(str(texts[at])), reverse=True)
    slices = [by_length[first : first + SLICE] for first in range(0, len(by_length), SLICE)]
    answered = pool.map(lambda places: _slice([texts[at] for at in places], scorer, explain), slices)
    for places, verdicts in zip(slices, answered, strict=True):
        for at, verdict in zip(places, verdicts, strict=True):
            found[at] = verdict
        tell(len(places))
    return [verdict for verdict in found if verdict is not None]


def _slice(texts: list[str], scorer: Scorer, explain: bool) -> list[Verdict]:
    try:
        return list(scorer.answers(texts, explain))
    except InputFault as fault:
        if fault.index is None:
            raise
        before, behind = texts[: fault.index], texts[fault.index + 1 :]
        return [*_slice(before, scorer, explain), fault.problem, *_slice(behind, scorer, explain)]


def _fault(row: Row, text_column: str, max_characters: int) -> str | None:
    """What makes a row no question, before the scorer is asked."""
    if row.fault is not None:
        return row.fault
    if text_column not in row.values:
        return f"no column {text_column!r}"
    for name, value in row.values.items():
        if isinstance(value, str) and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
            return f"column {name!r} is not in the encoding named"
    text = row.values[text_column]
    if isinstance(text, str) and len(text) > max_characters:
        return f"a text of {len(text)} characters; at most {max_characters}"
    return None


def verdict_columns(answer: Answer, explain: bool) -> dict[str, Any]:
    """What is appended to a row, before the model's own columns."""
    appended: dict[str, Any] = {
        "label": answer.label,
        "probability": answer.probability,
        "threshold": answer.threshold,
    }
    return appended | ({"words": [asdict(word) for word in answer.words]} if explain else {})
