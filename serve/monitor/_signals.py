"""The signals: what is compared, in which words it is told, and how small a shift matters to nobody.

A signal alarms where chance would hardly do as much (Holm over all signals that can be told) and the shift is large
enough to matter. Each has a name, because names are what an operator remembers, and none needs a parameter of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from homologate.reference import Sample
from serve.monitor._statistics import (
    Outcome,
    bags_differ,
    embeddings_differ,
    families_differ,
    means_differ,
    mixes_differ,
    shapes_differ,
    told_apart,
)

__all__ = ["SIGNALS", "Kind", "Measured", "Missing", "Sides"]


FEWEST_IN_FAMILY = 8
"""Embedded texts of a family on each side below which nothing is said about it."""


class Missing(Exception):
    """A signal cannot be told; says why."""


@dataclass(frozen=True)
class Sides:
    """The two samples, and what the version calls positive. `fewest` texts are needed on each side."""

    old: Sample
    new: Sample
    threshold: float
    fewest: int


@dataclass(frozen=True)
class Measured:
    """A signal's test; `before` and `now` where one number says what it is about; adjusted p-values of its `parts`."""

    outcome: Outcome
    before: float | None = None
    now: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """A signal.

    Attributes:
        name: stable; metrics and settings use it.
        title: for people.
        about: one sentence, what it sees.
        matters: by how much the statistic must exceed its expectation to matter.
        measure: takes both sides; raises `Missing` where it cannot be told.
        told_as: how `before` and `now` are shown: `share`, `number` or "" where there are none.
        optional: whether windows may lack what it needs and still be cleared.
    """

    name: str
    title: str
    about: str
    matters: float
    measure: Callable[[Sides], Measured]
    told_as: str = ""
    optional: bool = False


def _texts(sides: Sides) -> None:
    if not sides.new.texts:
        raise Missing("only hashes of the texts were kept")
    _enough(sides.old.texts, sides.new.texts, sides.fewest, "texts")


def _enough(old: int, new: int, fewest: int, what: str) -> None:
    if new < fewest:
        raise Missing(f"{new} {what} in the window, {fewest} are needed")
    if old < fewest:
        raise Missing(f"{old} {what} in the reference profile, {fewest} are needed")


def _length(sides: Sides) -> Measured:
    _texts(sides)
    old, new = sides.old.length, sides.new.length
    return Measured(shapes_differ(old.astype(float), new.astype(float)), float(np.median(old)), float(np.median(new)))


def _unknown_words(sides: Sides) -> Measured:
    _texts(sides)
    old, new = (side.unknown / np.maximum(side.counted, 1) for side in (sides.old, sides.new))
    return Measured(means_differ(old, new), float(old.mean()), float(new.mean()))


def _words(sides: Sides) -> Measured:
    _texts(sides)
    return Measured(bags_differ(sides.old.words, sides.new.words))


def _subwords(sides: Sides) -> Measured:
    _texts(sides)
    return Measured(bags_differ(sides.old.tokens, sides.new.tokens))


def _embedded(sides: Sides) -> None:
    _texts(sides)
    if not sides.old.embedding.size:
        raise Missing("the reference profile holds no embeddings: the version was exported before they were kept")
    _enough(len(sides.old.embedding), len(sides.new.embedding), sides.fewest, "embedded texts")


def _classifier(sides: Sides) -> Measured:
    _embedded(sides)
    outcome, _ = told_apart(sides.old.embedding, sides.new.embedding)
    return Measured(outcome)


def _discrepancy(sides: Sides) -> Measured:
    _embedded(sides)
    return Measured(embeddings_differ(sides.old.embedding, sides.new.embedding))


def _verdicts(sides: Sides) -> None:
    _enough(len(sides.old), len(sides.new), sides.fewest, "texts")


def _probability(sides: Sides) -> Measured:
    _verdicts(sides)
    old, new = sides.old.probability, sides.new.probability
    return Measured(shapes_differ(old.astype(float), new.astype(float)), float(old.mean()), float(new.mean()))


def _label_share(sides: Sides) -> Measured:
    _verdicts(sides)
    old, new = ((side.probability >= sides.threshold).astype(float) for side in (sides.old, sides.new))
    return Measured(means_differ(old, new), float(old.mean()), float(new.mean()))


def _confidence(sides: Sides) -> Measured:
    _verdicts(sides)
    old, new = (np.abs(side.probability.astype(float) - 0.5) + 0.5 for side in (sides.old, sides.new))
    return Measured(means_differ(old, new), float(old.mean()), float(new.mean()))


def _calibration(sides: Sides) -> Measured:
    labelled = [side.truth >= 0 for side in (sides.old, sides.new)]
    _enough(int(labelled[0].sum()), int(labelled[1].sum()), sides.fewest, "labelled texts")
    old, new = (
        side.truth[known] - side.probability[known].astype(float)
        for side, known in zip((sides.old, sides.new), labelled, strict=True)
    )
    return Measured(means_differ(old, new), float(old.mean()), float(new.mean()))


def _components(sides: Sides) -> Measured:
    old, new = ([name for name in side.component if name] for side in (sides.old, sides.new))
    if not new:
        raise Missing("no caller says which component a text is about")
    _enough(len(old), len(new), sides.fewest, "texts with a component")
    return Measured(mixes_differ(old, new))


def _families(sides: Sides) -> Measured:
    old, new = sides.old, sides.new
    if not any(new.component):
        raise Missing("no caller says which component a text is about")
    _embedded(sides)
    outcome, parts = families_differ(
        old.embedding,
        new.embedding,
        old.component[: len(old.embedding)],
        new.component[: len(new.embedding)],
        FEWEST_IN_FAMILY,
    )
    if not parts:
        raise Missing(f"no family has {FEWEST_IN_FAMILY} embedded texts on both sides")
    return Measured(outcome, parts=parts)


SIGNALS = (
    Kind("length", "Length", "how long the texts are, in words", 0.05, _length, "number"),
    Kind("unknown_words", "Unknown words", "the share of words the version never learned", 0.005, _unknown_words,
         "share"),
    Kind("words", "Words", "which known words the texts hold", 0.002, _words),
    Kind("subwords", "Sub-words", "which pieces the tokeniser cuts the texts into, new words included", 0.002,
         _subwords),
    Kind("classifier", "Told apart", "how well a classifier tells the window from the past by embedding", 0.03,
         _classifier),
    Kind("discrepancy", "Embedding distance", "how far the cloud of embeddings has moved or changed shape", 0.001,
         _discrepancy),
    Kind("probability", "Probability", "the probabilities the version answers with", 0.05, _probability, "number"),
    Kind("label_share", "Label share", "how often it answers with the positive label", 0.02, _label_share, "share"),
    Kind("confidence", "Confidence", "how sure it says it is", 0.01, _confidence, "number"),
    Kind("calibration", "Calibration", "how often it is right where people said what is true", 0.03, _calibration,
         "number", optional=True),
    Kind("components", "Component mix", "which component families are asked about", 0.002, _components,
         optional=True),
    Kind("families", "Families", "whether the texts of any one component family moved", 0.0, _families,
         optional=True),
)  # fmt: skip
"""In the order in which a report tells them."""
