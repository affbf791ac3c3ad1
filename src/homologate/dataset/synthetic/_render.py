"""From a plan to a text, with the span of what decides its label."""

from __future__ import annotations

from homologate.dataset.synthetic._choice import Choice
from homologate.dataset.synthetic._limits import Limit
from homologate.dataset.synthetic._noise import misspell, reword
from homologate.dataset.synthetic._plan import Evidence, Plan
from homologate.dataset.synthetic._units import convert, number
from homologate.dataset.synthetic._wording import (
    ABOVE, ASIDES, BELOW, BOUNDS, CURRENT, GIVEN, JOINERS, NUMBERED, OPENERS, OTHER, PLACES, SHOWING, STYLES,
)  # fmt: skip

__all__ = ["render"]


def render(plan: Plan) -> tuple[str, int, int]:
    """Say what the plan decided.

    Returns:
        The text, and the start and end of the statement on the judged component, in characters of the text.
    """
    choice, limit = plan.choice, plan.limit
    part = choice.one("part", limit.part)
    opening = _filled(choice.one("opening", STYLES[plan.style]), plan, part)
    cause = _statement("cause", plan, part)
    # A piece is (text, whether it is the cause).
    pieces = [(choice.one("opener", OPENERS), False), (cause, True)]
    if plan.other_broken is not None:
        other = _other(plan, part)
        joiner = choice.one("joiner", JOINERS)
        if plan.other_first:
            pieces = [(choice.one("opener", OPENERS) + other + joiner, False), (cause, True)]
        else:
            pieces += [(joiner + other, False)]
    pieces += [(".", False)]
    if plan.aside:
        aside = _filled(choice.one("aside text", ASIDES), plan, part)
        pieces = [*pieces, (" " + aside, False)] if choice.chance("aside last", 0.5) else [(aside + " ", False), *pieces]
    return _joined([(opening + " ", False), *pieces], plan)


def _joined(pieces: list[tuple[str, bool]], plan: Plan) -> tuple[str, int, int]:
    text, start, end = "", 0, 0
    for index, (piece, is_cause) in enumerate(pieces):
        if plan.later_words:
            piece = reword(piece)
        piece = misspell(piece, plan.choice, f"noise {index}", plan.noise if is_cause or index == 0 else 0)
        if text.endswith((". ", ": ")) or not text:
            piece = _capital(piece)
        if is_cause:
            start, end = len(text), len(text) + len(piece)
        text += piece
    return text, start, end


def _statement(slot: str, plan: Plan, part: str) -> str:
    """Subject and predicate on the judged component."""
    choice = plan.choice
    subject = choice.one(f"{slot} subject", CURRENT).format(part=part)
    if plan.scope == "one":
        return f"{subject} {_predicate(slot, plan, plan.broken)}"
    count = choice.one(f"{slot} count", ("four", "five", "six", "eight", "ten", "twelve"))
    noun = choice.one(f"{slot} specimen", ("specimens", "samples", "pieces", "units"))
    of = f"{count} {noun} of {subject}"
    if plan.scope == "all":
        return f"{choice.one(f'{slot} all', ('each of the', 'every one of the', 'all'))} {of} {_predicate(slot, plan, plan.broken)}"
    if plan.scope == "none":
        return f"{choice.one(f'{slot} none', ('none of the', 'not one of the'))} {of} {_predicate(slot, plan, not plan.broken)}"
    if plan.scope == "some":
        return f"{choice.one(f'{slot} some', ('one of the', 'two of the', 'a single one of the'))} {of} {_predicate(slot, plan, True)}"
    return f"{choice.one(f'{slot} but', ('all but one of the', 'all except two of the'))} {of} {_predicate(slot, plan, False)}"


def _other(plan: Plan, part: str) -> str:
    subject = plan.choice.one("other subject", OTHER).format(part=part)
    assert plan.other_broken is not None  # noqa: S101  # the caller asked
    return f"{subject} {_worded('other', plan.choice, plan.limit, plan.other_evidence, plan.other_broken)}"


def _predicate(slot: str, plan: Plan, broken: bool) -> str:
    if plan.evidence != "number":
        return _worded(slot, plan.choice, plan.limit, plan.evidence, broken)
    limit = plan.limit
    given = plan.choice.one(f"{slot} given", GIVEN[limit.kind]).format(
        limit=number(limit.value, limit.unit), regulation=limit.regulation
    )
    value = convert(limit.value * plan.ratio, limit.unit, plan.unit)
    return plan.choice.one(f"{slot} numbered", NUMBERED).format(
        quantity=limit.quantity, value=number(value, plan.unit), given=given
    )


def _worded(slot: str, choice: Choice, limit: Limit, evidence: Evidence, broken: bool) -> str:
    if evidence == "event":
        return choice.one(f"{slot} event {broken}", limit.broken if broken else limit.kept)
    above = broken == (limit.kind == "maximum")
    return choice.one(f"{slot} showing", SHOWING).format(
        quantity=limit.quantity,
        side=choice.one(f"{slot} side", ABOVE if above else BELOW),
        bound=choice.one(f"{slot} bound", BOUNDS[limit.kind]).format(regulation=limit.regulation),
    )


def _filled(template: str, plan: Plan, part: str) -> str:
    choice = plan.choice
    degrees = choice.whole("celsius", 18, 27)
    return template.format(
        part=part,
        Part=_capital(part),
        supplier=plan.supplier,
        reference=choice.whole("reference", 1000, 9999),
        regulation=plan.limit.regulation,
        clause=plan.limit.clause,
        quantity=plan.limit.quantity,
        week=choice.whole("week", 2, 51),
        letter=choice.one("letter", "ABCDEFGH"),
        month=choice.one("month", PLACES),
        celsius=choice.one("degrees", (f"{degrees} °C", f"{round(degrees * 1.8 + 32)} °F")),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
