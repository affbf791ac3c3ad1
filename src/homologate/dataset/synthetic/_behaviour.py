"""Pairs of texts that differ in one thing, and what a sound classifier does with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from homologate.dataset.synthetic._choice import Choice
from homologate.dataset.synthetic._plan import Plan, plan_row, ratio_of
from homologate.dataset.synthetic._render import render
from homologate.dataset.synthetic._wording import words
from homologate.settings import LabelSettings

__all__ = ["KINDS", "Pair", "behavioural_pairs"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts that differ in one thing.

    Args:
        kind: a key of `KINDS`.
        text_a, text_b: the texts.
        expect: whether a sound verdict stays the `same` or must `flip`.
        label_a, label_b: the true labels.
    """

    kind: str
    text_a: str
    text_b: str
    expect: Literal["same", "flip"]
    label_a: str
    label_b: str


def behavioural_pairs(seed: int, n: int, labels: LabelSettings | None = None) -> list[Pair]:
    """Make `n` pairs, the kinds in turn.

    Invariance (`expect` is `same`): `case`, `spelling`, `unit`, `supplier`, `aside`. Direction (`expect` is `flip`):
    `limit crossed` moves a stated figure to the other side of the limit, `relation reversed` turns a comparison in
    words around, `negation` says of all specimens what was said of none.

    Args:
        seed: rows are drawn apart from those of `generate` with the same seed.
        n: how many pairs.
        labels: the two words; the defaults where not given.
    """
    words = labels or LabelSettings()
    makers = {kind: _pairs(seed, kind, change, words) for kind, change in KINDS.items()}
    names = list(makers)
    return [next(makers[names[index % len(names)]]) for index in range(n)]


def _pairs(
    seed: int, kind: str, change: Callable[[Plan], tuple[str, str, bool] | None], labels: LabelSettings
) -> Iterator[Pair]:
    number = 0
    while True:
        plan = plan_row(Choice(seed, f"pair {kind} {number}"))
        number += 1
        made = change(plan)
        if made is None or made[0] == made[1]:
            continue
        text_a, text_b, flips = made
        label_a = labels.positive if plan.broken else labels.negative
        label_b = labels.words[label_a == labels.negative] if flips else label_a
        yield Pair(kind, text_a, text_b, "flip" if flips else "same", label_a, label_b)


def _case(plan: Plan) -> tuple[str, str, bool]:
    text = render(plan)[0]
    return text, text.upper() if plan.choice.chance("upper", 0.5) else text.lower(), False


def _spelling(plan: Plan) -> tuple[str, str, bool]:
    return render(replace(plan, noise=0))[0], render(replace(plan, noise=2))[0], False


def _unit(plan: Plan) -> tuple[str, str, bool] | None:
    if not plan.limit.others:
        return None
    plan = replace(plan, evidence="number", scope="one", unit=plan.limit.unit)
    return render(plan)[0], render(replace(plan, unit=plan.choice.one("unit", plan.limit.others)))[0], False


def _supplier(plan: Plan) -> tuple[str, str, bool]:
    return (
        render(plan)[0],
        render(replace(plan, supplier=plan.choice.one("another supplier", words("supplier"))))[0],
        False,
    )


def _aside(plan: Plan) -> tuple[str, str, bool]:
    return render(replace(plan, aside=False))[0], render(replace(plan, aside=True))[0], False


def _limit_crossed(plan: Plan) -> tuple[str, str, bool]:
    plan = replace(plan, evidence="number", scope="one")
    return (
        render(plan)[0],
        render(replace(plan, broken=not plan.broken, ratio=ratio_of(plan.choice, plan.limit, not plan.broken)))[0],
        True,
    )


def _relation_reversed(plan: Plan) -> tuple[str, str, bool]:
    plan = replace(plan, evidence="comparison", scope="one")
    return render(plan)[0], render(replace(plan, broken=not plan.broken))[0], True


def _negation(plan: Plan) -> tuple[str, str, bool] | None:
    if plan.evidence == "number":
        return None
    # The predicate stays; "none of the specimens" makes of it the opposite of "all specimens".
    return render(replace(plan, scope="all"))[0], render(replace(plan, scope="none", broken=not plan.broken))[0], True


KINDS: dict[str, Callable[[Plan], tuple[str, str, bool] | None]] = {
    "case": _case,
    "spelling": _spelling,
    "unit": _unit,
    "supplier": _supplier,
    "aside": _aside,
    "limit crossed": _limit_crossed,
    "relation reversed": _relation_reversed,
    "negation": _negation,
}
