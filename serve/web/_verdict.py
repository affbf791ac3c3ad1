"""One answer, the same whoever gave it, and what a person reads from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from homologate.closeness import against_even

__all__ = ["Fault", "Verdict", "Word", "percent"]

CLOSE = 0.1
"""How far from even the evidence may be, as a share of it, for a verdict to be called a close call."""

LEAST, CLEARLY, STRONGLY = 0.1, 1 / 3, 2 / 3
"""Shares of the strongest word's weight from which a word is named, and said to speak clearly or strongly."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its share of the logit; above zero it speaks for the positive label. `text[start:end]` is it."""

    text: str
    start: int
    end: int
    share: float


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a text was not judged."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer.

    Attributes:
        text: what was judged; `family` of the component, where it was said.
        label: the verdict; `labels` are `(negative, positive)`.
        probability: of the positive label, which is answered from `threshold` on.
        truncated: whether the text was longer than the version reads.
        words: the words that decided it; empty where they were not asked for.
        id: the prediction id; None where the server gives none, and then nobody can refer to this answer.
        model, version, digest: who says so; empty where the server does not tell.
        how: `occlusion` where the words were found by the slow reading, `late` where that was not ready in time.
        at: when.
    """

    text: str
    label: str
    probability: float
    threshold: float
    labels: tuple[str, str]
    truncated: bool = False
    words: tuple[Word, ...] = ()
    id: str | None = None
    model: str = ""
    version: str = ""
    digest: str = ""
    family: str = ""
    how: str = ""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def positive(self) -> bool:
        """Whether it is the label whose misses are dangerous."""
        return self.label == self.labels[1]

    @property
    def other(self) -> str:
        """The label it is not."""
        return self.labels[0] if self.positive else self.labels[1]

    @property
    def close(self) -> bool:
        """Whether a little more evidence would have turned it."""
        return abs(against_even(self.probability, self.threshold) - 0.5) <= CLOSE

    @property
    def strongest(self) -> list[tuple[Word, str, str]]:
        """The words that weigh most, each once, with how and for which label it speaks; at most eight."""
        most = max((abs(word.share) for word in self.words), default=0.0) or 1.0
        found: dict[tuple[str, bool], tuple[Word, str, str]] = {}
        for word in sorted(self.words, key=lambda word: -abs(word.share)):
            weight, positive = abs(word.share) / most, word.share > 0
            if weight >= LEAST and any(map(str.isalnum, word.text)):
                found.setdefault((word.text.lower(), positive), (word, _strength(weight), self.labels[positive]))
        return list(found.values())[:8]

    @property
    def read_to(self) -> int | None:
        """Where in a truncated text the last word stands that was read; None where that is not known."""
        return max((word.end for word in self.words), default=None) if self.truncated else None


def percent(share: float) -> str:
    """A share as people read it; never 0 % or 100 %, which nothing is."""
    if share < 0.01:
        return "under 1 %"
    return "over 99 %" if share > 0.99 else f"{share * 100:.0f} %"


def _strength(weight: float) -> str:
    return "strongly" if weight >= STRONGLY else "clearly" if weight >= CLEARLY else "a little"
