"""Does it behave: edits that must not change the verdict, and edits that must.

Three kinds of test, after Ribeiro et al. 2020 ("Beyond Accuracy: Behavioral Testing of NLP Models with CheckList"):

    invariance      the text says the same, so the verdict must stay (case, spelling, spacing, units rewritten …)
    directional     the truth changes, so the verdict must change with it (a stated limit is crossed)
    functionality   the model must answer at all, with a finite probability (one letter, emoji, 20,000 characters)

Generic edits need only texts. Pairs with a known truth come from the generator, so exist for synthetic rows alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homologate.evidence._intervals import Resampler, known
from homologate.evidence._scoring import TextScorer, probabilities

__all__ = ["AWKWARD", "EDITS", "KNOWN", "Edit", "Rewrite", "functionality", "invariance", "rewrites"]

_SHOWN = 3
_LONGEST = 500
_LOOK_ALIKES = str.maketrans("aeopcxyAEOPCXBHKMT", "аеорсхуАЕОРСХВНКМТ")
_FILLER = " This page is left as it is for the record, and the next page is too." * 60


@dataclass(frozen=True)
class Edit:
    """A way to rewrite any text without changing what it says."""

    id: str
    title: str
    sentence: str
    rewrite: Callable[[str, np.random.Generator], str]
    share: float = 1.0
    """Of the sampled texts this edit is tried on; less than 1 where it is costly."""


@dataclass(frozen=True)
class Rewrite:
    """Two texts whose true labels are known, and what was done to the first to make the second."""

    test: str
    before: str
    after: str
    bad_before: bool
    bad_after: bool


def _misspell(text: str, generator: np.random.Generator) -> str:
    """Two neighbouring letters change places in one word of eight; words with digits and short words stay."""

    def swap(word: re.Match[str]) -> str:
        letters = word.group()
        if generator.random() >= 0.125:
            return letters
        at = int(generator.integers(1, len(letters) - 2))
        return letters[:at] + letters[at + 1] + letters[at] + letters[at + 2 :]

    return re.sub(r"\b[^\W\d_]{5,}\b", swap, text)


def _space(text: str, generator: np.random.Generator) -> str:
    """Every third gap becomes another kind of white space, and the ends get some."""
    kinds = ["  ", "\t", "\n", "\u00a0", " \r\n"]
    return (
        " \t"
        + re.sub(r" ", lambda _: kinds[int(generator.integers(15)) % 5] if generator.random() < 0.33 else " ", text)
        + "\n\n"
    )


def _look_alike(text: str, generator: np.random.Generator) -> str:
    """Three words are written with Cyrillic letters that look the same."""
    words = [match.span() for match in re.finditer(r"\b[^\W\d_]{4,}\b", text)]
    for index in generator.permutation(len(words))[:3]:
        start, end = words[index]
        text = text[:start] + text[start:end].translate(_LOOK_ALIKES) + text[end:]
    return text


EDITS = (
    Edit("upper_case", "Capital letters", "THE WHOLE TEXT IN CAPITALS says the same.", lambda text, _: text.upper()),
    Edit("lower_case", "Small letters", "the whole text without capitals says the same.", lambda text, _: text.lower()),
    Edit("spelling", "Spelling noise", "One word in eight with two neighbouring letters swapped.", _misspell),
    Edit("white_space", "White space", "Double spaces, tabs, line breaks and no-break spaces.", _space),
    Edit(
        "look_alikes", "Look-alike letters", "Three words in Cyrillic letters a reader cannot tell apart.", _look_alike
    ),
    Edit(
        "long_tail",
        "A very long tail",
        "4,000 characters follow that say nothing.",
        lambda text, _: text + _FILLER,
        0.25,
    ),
)
"""What a person would not even notice, or would skip."""

KNOWN = {
    "unit": ("Units rewritten", "The figure and its limit in other units, equal in value."),
    "supplier": ("Another supplier", "The same finding on a part of another maker."),
    "aside": ("An aside added", "A sentence that has nothing to do with the finding."),
    "limit_crossed": ("A stated limit crossed", "The figure moves to the other side of the limit it is held against."),
    "relation_reversed": ("A comparison turned round", "“above” becomes “below”, or the like."),
    "negation": ("A negation", "What was said of all specimens is said of none."),
}
"""Rewrites with a known truth, as the generator makes them: test → title and sentence."""

AWKWARD = {
    "one letter": "a",
    "digits only": "2400 3000 17.5",
    "punctuation only": "?!…—//",
    "emoji": "🔧🚗💥 seat belt 🪢",
    "control characters": "hose\x00burst\x07at\x1b[31m 900 kPa",
    "right to left": "حزام الأمان ضعيف",
    "marks the tokeniser knows": "[CLS] [SEP] [MASK] [PAD] [UNK]",
    "one unbroken word": "x" * 2_000,
    "20,000 characters": "The bracket cracked under load. " * 625,
}
"""Texts nobody would call a description; each must be answered with a finite probability."""


def invariance(
    scorer: TextScorer,
    texts: Sequence[str],
    groups: NDArray[np.int64],
    before: NDArray[np.float64],
    seed: int = 20,
) -> dict[str, dict[str, Any]]:
    """Rewrite each text by each of `EDITS`; how often the verdict flips.

    Args:
        scorer: what is tested.
        texts: n texts.
        groups: int (n,), near-duplicate groups.
        before: float64 (n,), the probabilities of `texts`.
        seed: of the edits.
    """
    found: dict[str, dict[str, Any]] = {}
    for edit in EDITS:
        generator = np.random.default_rng(seed)
        some = slice(0, max(1, round(edit.share * len(texts))))
        edited = [edit.rewrite(text, generator) for text in texts[some]]
        after = probabilities(scorer, edited)
        flipped = (before[some] >= scorer.threshold) != (after >= scorer.threshold)
        found[edit.id] = {
            "kind": "invariance",
            "title": edit.title,
            "sentence": edit.sentence,
            **_judged(texts[some], edited, before[some], after, flipped, Resampler(groups[some])),
        }
    return found


def rewrites(scorer: TextScorer, pairs: Sequence[Rewrite]) -> dict[str, dict[str, Any]]:
    """Score pairs whose truth is known, by test.

    Where the truth changes, a pair fails unless the verdict changes with it, from right to right; `moved` is the rate
    of pairs whose probability at least moved the right way. Where the truth stays, a pair fails if the verdict flips.
    """
    found: dict[str, dict[str, Any]] = {}
    for test in dict.fromkeys(pair.test for pair in pairs):
        own = [pair for pair in pairs if pair.test == test]
        texts, edited = [pair.before for pair in own], [pair.after for pair in own]
        scored = probabilities(scorer, texts + edited)
        before, after = scored[: len(own)], scored[len(own) :]
        truth = np.array([pair.bad_before for pair in own]), np.array([pair.bad_after for pair in own])
        changes = bool((truth[0] != truth[1]).any())
        stopped = before >= scorer.threshold, after >= scorer.threshold
        failed = (stopped[0] != truth[0]) | (stopped[1] != truth[1]) if changes else stopped[0] != stopped[1]
        every = Resampler(np.arange(len(own)))
        title, sentence = KNOWN.get(test, (test.capitalize(), ""))
        found[test] = {
            "kind": "directional" if changes else "invariance",
            "title": title,
            "sentence": sentence,
            **_judged(texts, edited, before, after, failed, every),
            "moved": every.rate((after > before) == truth[1]) if changes else None,
        }
    return found


def functionality(scorer: TextScorer) -> dict[str, Any]:
    """Ask the `AWKWARD` texts; each must get a finite probability between 0 and 1."""
    from homologate.errors import HomologateError

    failures = []
    for name, text in AWKWARD.items():
        try:
            p = float(probabilities(scorer, [text])[0])
        except HomologateError as error:
            failures.append({"name": name, "reason": error.problem})
            continue
        if not 0 <= p <= 1:
            failures.append({"name": name, "reason": f"probability {p}"})
    return {
        "kind": "functionality",
        "title": "Awkward inputs are answered",
        "sentence": f"{', '.join(AWKWARD)}: each must get a finite probability.",
        "texts": len(AWKWARD),
        "failures": len(failures),
        "failure_rate": known(len(failures) / len(AWKWARD)),
        "mean_change": None,
        "examples": failures,
    }


def _judged(
    texts: Sequence[str],
    edited: Sequence[str],
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    failed: NDArray[np.bool_],
    resampler: Resampler,
) -> dict[str, Any]:
    worst = [int(i) for i in np.argsort(-np.abs(after - before), kind="stable") if failed[i]][:_SHOWN]
    return {
        "texts": len(texts),
        "failures": int(failed.sum()),
        "failure_rate": resampler.rate(failed),
        "mean_change": known(float(np.mean(np.abs(after - before))))["value"],
        "examples": [
            {
                "before": texts[i][:_LONGEST],
                "after": edited[i][:_LONGEST],
                "probability_before": round(float(before[i]), 4),
                "probability_after": round(float(after[i]), 4),
            }
            for i in worst
        ],
    }
