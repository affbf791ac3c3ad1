"""From a plan to a text, with the span of what decides its label."""

from __future__ import annotations

from homologate.dataset.synthetic._noise import misspell, reword
from homologate.dataset.synthetic._plan import Evidence, Plan
from homologate.dataset.synthetic._units import convert, number, stated
from homologate.dataset.synthetic._wording import words

__all__ = ["render"]

OUTCOME = {False: "kept", True: "broken"}


def render(plan: Plan) -> tuple[str, int, int]:
    """Say what the plan decided.

    Returns:
        The text, and the start and end of the statement on the judged component, in characters of the text.
    """
    choice = plan.choice
    part = choice.one("part", plan.limit.part)
    opening = _filled(choice.one("opening", words("opening", plan.style)), plan, part)
    before = choice.one("before", words("before"))
    cause = _judged(plan, part)
    pieces = [before, cause]
    if plan.other_broken is not None:
        other, joiner = _other(plan, part, plan.other_broken), choice.one("joiner", words("joiner"))
        pieces = [before, other, joiner, cause] if plan.other_first else [before, cause, joiner, other]
    pieces.append(".")
    if plan.aside:
        aside = _filled(choice.one("aside", words("aside")), plan, part)
        pieces = [*pieces, aside] if choice.chance("aside last", 0.5) else [aside, *pieces]
    return _joined([opening, *pieces], cause, plan)


def _joined(pieces: list[str], cause: str, plan: Plan) -> tuple[str, int, int]:
    """Put the pieces together, misspelling the opening and the cause, and keep count of where the cause lies."""
    text, start, end = "", 0, 0
    for index, piece in enumerate(pieces):
        said = reword(piece) if plan.later_words else piece
        if index == 0 or piece is cause:
            said = misspell(said, plan.choice, f"noise {index}", plan.noise)
        if text and said and not text.endswith(" ") and not said.startswith((".", ",", ";")):
            text += " "
        if text.endswith((". ", ": ")) or not text:
            said = _capital(said)
        if piece is cause:
            start, end = len(text), len(text) + len(said)
        text += said
    return text, start, end


def _judged(plan: Plan, part: str) -> str:
    """The statement on the judged component."""
    choice = plan.choice
    subject = choice.one("subject", words("current")).format(part=part)
    if plan.scope == "never":
        return f"{subject} {choice.one('negating', words('negating'))} {_predicate(plan, not plan.broken)}"
    if plan.scope == "one":
        affirming = "" if plan.evidence == "number" else choice.one("affirming", words("affirming"))
        return " ".join(filter(None, (subject, affirming, _predicate(plan, plan.broken))))
    # A predicate of all specimens is that of the component; of none of them, its opposite; any that broke it decide.
    broken = {"all": plan.broken, "none": not plan.broken, "some": True, "all but one": False}[plan.scope]
    quantifier = choice.one(f"quantifier {plan.scope}", words("quantifier", plan.scope))
    count, specimen = choice.one("count", words("count")), choice.one("specimen", words("specimen"))
    return f"{quantifier} {count} {specimen} of {subject} {_predicate(plan, broken)}"


def _other(plan: Plan, part: str, broken: bool) -> str:
    """The statement on a component that is not judged."""
    subject = plan.choice.one("other subject", words("other")).format(part=part)
    return f"{subject} {_worded(plan, 'other', plan.other_evidence, broken)}"


def _predicate(plan: Plan, broken: bool) -> str:
    if plan.evidence != "number":
        return _worded(plan, "cause", plan.evidence, broken)
    limit = plan.limit
    given = plan.choice.one("given", words("given", limit.kind)).format(
        limit=stated(limit.value, limit.unit), regulation=limit.regulation
    )
    value = convert(limit.value * plan.ratio, limit.unit, plan.unit)
    return plan.choice.one("numbered", words("numbered")).format(
        quantity=limit.quantity, value=number(value, plan.unit), given=given
    )


def _worded(plan: Plan, slot: str, evidence: Evidence, broken: bool) -> str:
    choice, limit = plan.choice, plan.limit
    if evidence == "event":
        return choice.one(f"{slot} event {broken}", limit.broken if broken else limit.kept)
    if evidence == "general":
        predicate = choice.one(f"{slot} general {broken}", words("general", OUTCOME[broken]))
        return predicate.format(quantity=limit.quantity, regulation=limit.regulation)
    above = broken == (limit.kind == "maximum")
    return choice.one(f"{slot} showing", words("showing")).format(
        quantity=limit.quantity,
        side=choice.one(f"{slot} side", words("side", "above" if above else "below")),
        bound=choice.one(f"{slot} bound", words("bound", limit.kind)).format(regulation=limit.regulation),
    )


def _filled(template: str, plan: Plan, part: str) -> str:
    """An opening or an aside with its blanks filled."""
    choice = plan.choice
    celsius = choice.whole("degrees", 18, 27)
    return template.format(
        part=part,
        Part=_capital(part),
        supplier=plan.supplier,
        reference=choice.whole("reference", 1000, 9999),
        regulation=plan.limit.regulation,
        clause=plan.limit.clause,
        quantity=plan.limit.quantity,
        number=choice.whole("number", 2, 51),
        letter=choice.one("letter", "ABCDEFGH"),
        month=choice.one("month", words("month")),
        temperature=choice.one("scale", (f"{celsius} °C", f"{celsius * 1.8 + 32:.0f} °F")),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
