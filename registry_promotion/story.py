"""Ledger rows as a story, and the other small shapes the pages need. Pure: facts in, facts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["reach_of", "rows_of", "words_of"]

STRONG_SHARE = 0.25
"""A word is marked where its share of the logit is at least this part of the strongest word's."""


def rows_of(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of one model as sentences, newest first: `says`, `at`, `by`, `reason`, `request`, `look`."""
    return [_row(row) for row in reversed(rows)]


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    kind, version, stage = str(row["kind"]), row["version"], row["stage"]
    payload = row.get("payload") or {}
    says = {
        "request": f"Version {version} asked to go to {stage}",
        "approval": f"Version {version} approved for {stage}",
        "rejection": f"Version {version} rejected for {stage}",
        "transition": f"Version {version} put into {stage}",
        "rollback": f"Rolled back to version {version}",
        "refusal": f"Version {version} refused at {stage}",
        "break_glass": f"The glass was broken: version {version} put into {stage} without a decision",
        "note": "Noted",
    }.get(kind, f"{kind.replace('_', ' ')}: version {version} {stage}".strip())
    look = "loud" if kind in ("break_glass", "refusal") else "moved" if kind in ("transition", "rollback") else ""
    return {
        "says": says,
        "at": row["at"],
        "by": row["who"],
        "reason": row["reason"],
        "request": str(payload.get("request") or (row["seq"] if kind == "request" else "")),
        "look": look,
    }


def reach_of(comparison: Mapping[str, Any] | None) -> float:
    """The largest end of any interval of a comparison: half the width of the drawing. Never zero."""
    ends: list[float] = [
        abs(end)
        for interval in ((comparison or {}).get("difference") or {}).values()
        for end in (interval["value"], interval["low"], interval["high"])
        if end is not None
    ]
    return max([*ends, 1e-6])


def words_of(text: str, words: Sequence[Any]) -> list[dict[str, str]]:
    """A text cut where its words were weighed: pieces with `text` and `mark` (`for`, `against` the positive, or none).

    Args:
        text: the text as scored.
        words: `homologate.scorer.Word`s, in order.
    """
    strongest = max((abs(word.contribution) for word in words), default=0.0)
    pieces: list[dict[str, str]] = []
    at = 0
    for word in words:
        if abs(word.contribution) < STRONG_SHARE * strongest or word.start < at:
            continue
        pieces.append({"text": text[at : word.start], "mark": ""})
        pieces.append({"text": text[word.start : word.end], "mark": "for" if word.contribution > 0 else "against"})
        at = word.end
    pieces.append({"text": text[at:], "mark": ""})
    return [piece for piece in pieces if piece["text"]]
