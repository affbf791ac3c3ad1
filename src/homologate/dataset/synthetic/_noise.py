"""Misspelt words, as hurried people write them, and a supplier's own vocabulary."""

from __future__ import annotations

import re

from homologate.dataset.synthetic._choice import Choice
from homologate.dataset.synthetic._wording import later_words

__all__ = ["misspell", "reword"]

_WORD = re.compile(r"[a-z]{5,}")
_LATER = later_words()
_LATER_PATTERN = re.compile(r"\b(" + "|".join(sorted(_LATER, key=len, reverse=True)) + r")\b")


def misspell(text: str, choice: Choice, slot: str, words: int) -> str:
    """Swap, drop or double one inner letter of `words` words. Numbers, units, names and short words are left alone."""
    for turn in range(words):
        found = list(_WORD.finditer(text))
        if not found:
            return text
        word = choice.one(f"{slot} word {turn}", found)
        at = choice.whole(f"{slot} letter {turn}", word.start() + 1, word.end() - 3)
        left, here, following, right = text[:at], text[at], text[at + 1], text[at + 2 :]
        text = left + choice.one(f"{slot} kind {turn}", (following + here, following, here + here + following)) + right
    return text


def reword(text: str) -> str:
    """The text in the vocabulary of the suppliers who appear with the drift `new_vocabulary`."""
    return _LATER_PATTERN.sub(lambda found: _LATER[found.group()], text)
