"""What one row says, decided before a word is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from homologate.dataset.synthetic._choice import Choice
from homologate.dataset.synthetic._limits import LIMITS, Limit
from homologate.dataset.synthetic._wording import words

__all__ = ["Evidence", "Plan", "Scope", "plan_row", "ratio_of"]

Evidence = Literal["event", "general", "comparison", "number"]
"""How a statement shows that a limit was kept or broken: by what the part did, by a judgement in
general words, by a comparison in words, or by figures."""

Scope = Literal["one", "never", "all", "none", "some", "all but one"]
"""Of how many specimens a predicate is said. One broken limit breaks the rule for all."""

POSITIVE_SHARE = 0.30
EVIDENCE: dict[Evidence, float] = {"event": 0.50, "general": 0.41, "comparison": 0.04, "number": 0.05}
OTHER_SHARE = 0.20  # rows that also tell of a part that is not judged
OPPOSITE_SHARE = 0.55  # of those, how often it fared the other way
ASIDE_SHARE = 0.25
SCOPES: dict[Scope, float] = {"one": 0.80, "never": 0.08, "all": 0.05, "none": 0.05, "some": 0.01, "all but one": 0.01}
CONVERTED_SHARE = 0.2  # of the rows with figures, those in another unit than the limit's


@dataclass(frozen=True, slots=True)
class Plan:
    """The decisions of one row. The same plan always renders to the same text.

    Args:
        choice: the draws of every wording the plan leaves open.
        limit: the limit the component is held to.
        broken: whether the judged component broke it: this is the label.
        evidence: how the deciding statement shows it.
        scope: of how many specimens the deciding predicate is said.
        ratio: measured value over limit, where the evidence is a number.
        unit: the unit the measured value is given in.
        other_broken: how the part that is not judged fared; None where none is told of.
        other_evidence: how that is shown.
        other_first: whether it is told first.
        aside: whether a sentence beside the point is added.
        style: the house style.
        supplier: who made the part.
        noise: misspelt words.
        later_words: whether the supplier's own vocabulary is used.
    """

    choice: Choice
    limit: Limit
    broken: bool
    evidence: Evidence
    scope: Scope
    ratio: float
    unit: str
    other_broken: bool | None
    other_evidence: Evidence
    other_first: bool
    aside: bool
    style: str
    supplier: str
    noise: int
    later_words: bool = False


def plan_row(choice: Choice, limits: tuple[Limit, ...] = LIMITS) -> Plan:
    """Draw the decisions of one row.

    The label is drawn first and apart from everything that could give it away: family, style, supplier, length, and
    how the other part fared have the same shares under both labels.
    """
    limit = choice.one("limit", limits)
    broken = choice.chance("broken", POSITIVE_SHARE)
    evidence = choice.weighted("evidence", EVIDENCE)
    converted = bool(limit.others) and choice.chance("converted", CONVERTED_SHARE)
    opposite = choice.chance("opposite", OPPOSITE_SHARE)
    return Plan(
        choice=choice,
        limit=limit,
        broken=broken,
        evidence=evidence,
        scope="one" if evidence == "number" else _scope(choice, broken),
        ratio=ratio_of(choice, limit, broken),
        unit=choice.one("unit", limit.others) if converted else limit.unit,
        other_broken=(broken != opposite) if choice.chance("other", OTHER_SHARE) else None,
        other_evidence=choice.weighted("other evidence", {"event": 0.5, "general": 0.4, "comparison": 0.1}),
        other_first=choice.chance("other first", 0.5),
        aside=choice.chance("aside", ASIDE_SHARE),
        style=choice.one("style", words("opening")),
        supplier=choice.one("supplier", words("supplier")),
        noise=choice.weighted("noise", {0: 0.7, 1: 0.22, 2: 0.08}),
    )


def _scope(choice: Choice, broken: bool) -> Scope:
    """A scope that can tell what the label says: `some` and `all but one` only tell of a broken limit."""
    drawn = choice.weighted("scope", SCOPES)
    if not broken and drawn in ("some", "all but one"):
        return choice.one("scope if kept", ("all", "none"))
    return drawn


def ratio_of(choice: Choice, limit: Limit, broken: bool) -> float:
    """Measured value over limit: half the gaps are wide (25 to 60 %), half narrow (4 to 25 %)."""
    low, high = (0.25, 0.60) if choice.chance("wide", 0.5) else (0.04, 0.25)
    if limit.unit in ("dB(A)", "dBµV/m"):
        low, high = 0.02, 0.12  # a tenth more decibels is already a great deal
    gap = low + choice.number("gap") * (high - low)
    if broken != (limit.kind == "maximum"):
        return 1 - gap
    return 1 + gap if limit.unit != "%" else min(1 + gap, 99 / limit.value)
