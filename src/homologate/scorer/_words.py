"""Token shares, merged to the words a person reads.

A word is a run of letters and digits with single marks inside it (`12.5`, `non-compliant`), or a run of other visible
characters. A token belongs to the word it overlaps most; a token that overlaps none (`[CLS]`, `[SEP]`, padding) goes
to the remainder. Nothing is dropped and nothing is spread: `sum(words) + remainder == sum(token shares)`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from ._answer import Word

__all__ = ["merge"]

_WORD = re.compile(r"\w+(?:[^\w\s]\w+)*|[^\w\s]+")


def merge(text: str, offsets: Sequence[tuple[int, int]], shares: Sequence[float]) -> tuple[tuple[Word, ...], float]:
    """Merge token shares to words.

    Args:
        text: the text as it was given.
        offsets: `(start, end)` in characters of `text` for every token; `(0, 0)` for a token outside it.
        shares: each token's share of the logit, same length.

    Returns:
        The words that own at least one token, in the order of the text, and the remainder.
    """
    spans = [match.span() for match in _WORD.finditer(text)]
    starts = [start for start, _ in spans]
    sums: dict[int, float] = {}
    remainder = 0.0
    for (start, end), share in zip(offsets, shares, strict=True):
        owner = _owner(spans, starts, start, end)
        if owner is None:
            remainder += share
        else:
            sums[owner] = sums.get(owner, 0.0) + share
    words = tuple(Word(text[slice(*spans[i])], *spans[i], sums[i]) for i in sorted(sums))
    return words, remainder


def _owner(spans: list[tuple[int, int]], starts: list[int], start: int, end: int) -> int | None:
    """The word that `[start, end)` overlaps most, the first of equals; None where it overlaps none."""
    best, most = None, 0
    for i in range(max(bisect_right(starts, start) - 1, 0), len(spans)):
        if spans[i][0] >= end:
            break
        overlap = min(end, spans[i][1]) - max(start, spans[i][0])
        if overlap > most:
            best, most = i, overlap
    return best
