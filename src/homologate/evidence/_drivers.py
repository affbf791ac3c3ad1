"""What no verdict may rest on: makers, ids, dates and whatever else the settings forbid.

Each forbidden driver is looked for in three places: among the strongest words of the global explanation, in the share
of all attribution its words carry, and by experiment: the words are cut out of every test text that has them, and
verdicts that flip are counted. The third is the one that cannot be argued with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homologate.errors import UsageError
from homologate.evidence._intervals import Resampler, known, ratio
from homologate.evidence._scoring import AnswerLike, TextScorer, probabilities

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "TOP", "check_drivers", "forbidden"]

COLUMNS = ("id", "date", "component", "manufacturer", "source")
"""What `@column` may name."""
TOP = 25
"""Of so many strongest words, none may be forbidden."""

_TYPICAL = 3.0
_HARDLY = 0.005


@dataclass(frozen=True)
class Driver:
    """One entry of `explanation.forbidden_drivers` and the phrases it stands for, in small letters."""

    name: str
    phrases: tuple[str, ...]

    def found_in(self, text: str) -> list[tuple[int, int]]:
        """Character spans of its phrases in a text."""
        return [match.span() for match in self._pattern.finditer(text)] if self.phrases else []

    @property
    def _pattern(self) -> re.Pattern[str]:
        longest_first = sorted(self.phrases, key=len, reverse=True)
        return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)", re.IGNORECASE)


def forbidden(entries: Sequence[str], frame: pd.DataFrame) -> list[Driver]:
    """The drivers the settings name, spelled out.

    `@column` stands for every value of the column, for the year of a date, and for the single words of a value that
    are typical of it: the “Motor” of a maker's name does not forbid every motor.

    Raises:
        UsageError: a column that does not exist.
    """
    found = []
    for entry in entries:
        if not entry.startswith("@"):
            found.append(Driver(entry, (entry.casefold(),)))
            continue
        column = entry[1:]
        if column not in COLUMNS:
            raise UsageError(
                f"no column {column!r} to forbid", place="explanation.forbidden_drivers",
                legal=[f"@{name}" for name in COLUMNS], next_command="homologate settings --schema",
            )  # fmt: skip
        found.append(Driver(entry, tuple(sorted(_values(frame, column)))))
    return found


def _values(frame: pd.DataFrame, column: str) -> set[str]:
    values = {str(value).casefold() for value in frame[column] if value}
    if column == "date":
        return values | {value[:4] for value in values}
    if column == "id":
        return {value for value in values if len(value) > 2}
    return {value for value in values if len(value) > 2} | _typical_words(frame, column)


def _typical_words(frame: pd.DataFrame, column: str) -> set[str]:
    """The single words of longer values that stand for the value alone.

    Full values are taken out of the texts first. A word that then never occurs belongs to the name only; one that
    does is typical if the rows of its value use it `_TYPICAL` times as often as other rows, and hardly any of those
    do: a maker of tyres writes “tyre” more than others, and yet the word is not its name.
    """
    owners = frame[column].str.casefold().to_numpy()
    values = sorted(set(owners) - {""}, key=len, reverse=True)
    if not values:
        return set()
    named = Driver(column, tuple(values))
    before = [text.casefold() for text in frame["text"]]
    left = [set(re.findall(r"\w+", _cut(text, named.found_in(text)))) for text in before]
    there = set().union(*(re.findall(r"\w+", text) for text in before))
    found = set()
    for value in values:
        own = owners == value
        for word in set(re.findall(r"[^\W\d_]{3,}", value)) & there - {value}:
            used = np.array([word in words for words in left])
            elsewhere = float(used[~own].mean()) if (~own).any() else 0.0
            if not used.any() or (elsewhere <= _HARDLY and float(used[own].mean()) > _TYPICAL * elsewhere):
                found.add(word)
    return found


def check_drivers(
    drivers: Sequence[Driver],
    scorer: TextScorer,
    test: pd.DataFrame,
    answers: Sequence[AnswerLike],
    top_words: Sequence[str],
    resampler: Resampler,
) -> dict[str, Any]:
    """Look for every driver in the strongest words, in the shares and by experiment.

    Args:
        drivers: from `forbidden`.
        scorer: what is tested.
        test: n canonical rows.
        answers: their answers, with words.
        top_words: global features, the strongest first.
        resampler: over the same rows.

    Returns:
        `{"top": 25, "found": [names of drivers among them], "drivers": [{"name", "phrases", "among_top", "texts",
        "share", "flips"}]}`; `share` is the part of all attribution (sum of sizes) its words carry, `flips` the rate of
        verdicts that change when they are cut out.
    """
    texts = test["text"].tolist()
    total = np.array([sum(abs(word.contribution) for word in answer.words) for answer in answers])
    found = []
    for driver in drivers:
        spans = [driver.found_in(text) for text in texts]
        carried = np.array([_carried(answer, own) for answer, own in zip(answers, spans, strict=True)])
        some = [index for index, own in enumerate(spans) if own]
        cut = [_cut(texts[index], spans[index]) for index in some]
        flipped = np.zeros(len(texts), bool)
        if cut:
            before = np.array([answers[index].probability for index in some]) >= scorer.threshold
            flipped[some] = (probabilities(scorer, cut) >= scorer.threshold) != before
        has = np.zeros(len(texts), bool)
        has[some] = True
        found.append(
            {
                "name": driver.name,
                "phrases": len(driver.phrases),
                "among_top": [word for word in top_words[:TOP] if driver.found_in(word)],
                "texts": len(some),
                "share": resampler.interval(ratio(carried, total)),
                "flips": resampler.rate(flipped, has) if some else known(0.0, 0.0, 0.0),
            }
        )
    return {"top": TOP, "found": [entry["name"] for entry in found if entry["among_top"]], "drivers": found}


def _carried(answer: AnswerLike, spans: Sequence[tuple[int, int]]) -> float:
    if not spans:
        return 0.0
    return sum(abs(w.contribution) for w in answer.words if any(w.start < e and w.end > s for s, e in spans))


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> str:
    for start, end in sorted(spans, reverse=True):
        text = text[:start] + text[end:]
    return " ".join(text.split()) or "."
