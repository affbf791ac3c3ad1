"""Words, and which of them a version knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

__all__ = ["MOST_WORDS", "Vocabulary", "words"]

MOST_WORDS = 5000
FEWEST_TEXTS = 2
"""A word of a single text is no vocabulary: it is a name, a number or a slip, and is kept nowhere."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_MARKS = frozenset(("mail", "vin", "phone"))
"""What redaction leaves in the place of an e-mail address, a VIN or a phone number; never new."""


def words(text: str) -> list[str]:
    """The words a profile counts: two letters or more, lower case, no digits."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class Vocabulary:
    """The words of the training texts that at least two of them hold, the most frequent first.

    Attributes:
        texts_with: how many training texts hold each word.
        texts: how many training texts there were.
        distinct: how many different words they held, the rare ones included.
    """

    texts_with: dict[str, int]
    texts: int
    distinct: int

    @classmethod
    def of(cls, texts: Iterable[str]) -> Vocabulary:
        """Count."""
        counts: Counter[str] = Counter()
        total = 0
        for text in texts:
            counts.update(set(words(text)))
            total += 1
        kept = sorted(((w, n) for w, n in counts.items() if n >= FEWEST_TEXTS), key=lambda pair: (-pair[1], pair[0]))
        return cls(dict(kept[:MOST_WORDS]), total, len(counts))

    @cached_property
    def place(self) -> dict[str, int]:
        """The number of each word, from 0."""
        return {word: number for number, word in enumerate(self.texts_with)}

    @cached_property
    def known(self) -> frozenset[str]:
        """Every word that is not new."""
        return frozenset(self.texts_with) | _MARKS

    def unknown(self, found: Sequence[str]) -> list[str]:
        """Those of the words of a text that are not in the vocabulary, repetitions included."""
        known = self.known
        return [word for word in found if word not in known]
