"""Ledger rows as a story, and the other small shapes the pages need. Pure: facts in, facts out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["clock_told", "reach_of", "rows_of", "words_of"]

TINTS = 5
"""Steps of tint in which a word is marked, by its share of the logit beside the strongest word's."""


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


def clock_told(moment: str) -> str:
    """A moment of the ledger to the second, `2026-03-01 12:00:00 UTC`; anything else as it is."""
    day, parted, time = moment.partition("T")
    return f"{day} {time[:8]} UTC" if parted and moment.endswith(("Z", "+00:00")) else moment


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
    """A text cut where its words were weighed: pieces with `text` and `mark`.

    `mark` is empty, or `for` or `against` the positive label with a tint from `s1` to `s5`, as in the reports.

    Args:
        text: the text as scored.
        words: `homologate.scorer.Word`s, in order.
    """
    strongest = max((abs(word.contribution) for word in words), default=0.0)
    pieces: list[dict[str, str]] = []
    at = 0
    for word in words:
        tint = round(TINTS * abs(word.contribution) / strongest) if strongest else 0
        if not tint or word.start < at:
            continue
        towards = "for" if word.contribution > 0 else "against"
        pieces.append({"text": text[at : word.start], "mark": ""})
        pieces.append({"text": text[word.start : word.end], "mark": f"{towards} s{tint}"})
        at = word.end
    pieces.append({"text": text[at:], "mark": ""})
    return [piece for piece in pieces if piece["text"]]
