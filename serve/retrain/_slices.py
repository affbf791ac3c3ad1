"""Where the new version must be better, and where it must be no worse: texts that two people labelled, and the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from homologate.errors import DataError
from homologate.reference import words
from serve.retrain._cause import Cause
from serve.retrain._material import Material, Row

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["must_be_labelled", "slices_of", "touched_by"]

FEEDBACK, DRIFTED, OTHERS, TEST = "held-out feedback", "drifted texts", "other feedback", "test"
Slice = tuple[list[str], list[str]]


def slices_of(cause: Cause, material: Material, tested: pd.DataFrame) -> dict[str, Slice]:
    """`(texts, true labels)` by name; the first is where the new version must be better.

    Args:
        cause: of the retraining; a drift parts the held-out feedback into what it touches and the rest.
        material: its held-out part.
        tested: the rows everything was promised on, with `text` and `label`.
    """
    test = tested["text"].tolist(), tested["label"].tolist()
    if cause.kind != "drift":
        return {FEEDBACK: _slice(material.held_out), TEST: test}
    touched = touched_by(cause.facts)
    return {
        DRIFTED: _slice([row for row in material.held_out if touched(row)]),
        OTHERS: _slice([row for row in material.held_out if not touched(row)]),
        TEST: test,
    }


def touched_by(drift: Mapping[str, Any]) -> Callable[[Row], bool]:
    """Whether a text is of the kind that drifted.

    It is, where it holds one of the new words or is of one of the families; where the drift has neither (only lengths
    or answers moved), every text since its first day is.
    """
    new, families, since = frozenset(drift["words"]), frozenset(drift["families"]), drift["since"][:10]
    if not new and not families:
        return lambda row: row.date >= since
    return lambda row: row.component in families or not new.isdisjoint(words(row.text))


def must_be_labelled(cause: Cause, material: Material) -> None:
    """Return where some of what drifted can be learnt from, and some measured on.

    Raises:
        DataError: nobody has labelled what drifted yet.
    """
    if cause.kind != "drift":
        return
    touched = touched_by(cause.facts)
    learnt, held = (sum(map(touched, rows)) for rows in (material.train, material.held_out))
    if not learnt or not held:
        raise DataError(
            f"of the texts that drifted, {learnt} reviewed ones are there to learn from and {held} to measure on",
            place=cause.says,
            legal="at least one of each",
            next_command="homologate queue  # what to label next; feedback --list says what waits for a review",
        )


def _slice(rows: Sequence[Row]) -> Slice:
    return [row.text for row in rows], [row.label for row in rows]
