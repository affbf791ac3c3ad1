"""What changes in the newest rows when the drift knob is turned."""

from __future__ import annotations

from dataclasses import replace

from homologate.dataset.synthetic._limits import LATER_LIMITS, LIMITS, Limit
from homologate.dataset.synthetic._plan import Plan, plan_row
from homologate.dataset.synthetic._wording import words

__all__ = ["DRIFTS", "drifted"]

TIGHTENED = 0.15  # how much harder every limit becomes


def drifted(plan: Plan, drift: str) -> Plan:
    """The plan as it is after the drift set in.

    Args:
        plan: a plan of the time before.
        drift: `new_family` holds the component to a limit of a family never seen before; `new_vocabulary` lets a new
            supplier put it in its own words; `tightened_limit` moves the limit and states figures between the old
            limit and the new one, which the old limit would have let pass. The label follows from the text as always.
    """
    return DRIFTS[drift](plan)


def _new_family(plan: Plan) -> Plan:
    return plan_row(plan.choice, LATER_LIMITS)


def _new_vocabulary(plan: Plan) -> Plan:
    return replace(plan, supplier=plan.choice.one("later supplier", words("later_supplier")), later_words=True)


def _tightened_limit(plan: Plan) -> Plan:
    limit = _tightened(plan.limit)
    ratio = plan.ratio
    if plan.broken:  # between the old limit and the new one
        gap = 0.02 + 0.1 * plan.choice.number("tightened gap")
        ratio = 1 - gap if limit.kind == "minimum" else 1 + gap
    return replace(plan, limit=limit, evidence="number", scope="one", ratio=ratio)


def _tightened(limit: Limit) -> Limit:
    factor = 1 + TIGHTENED if limit.kind == "minimum" else 1 - TIGHTENED
    return replace(limit, value=limit.value * factor, regulation=f"amended {limit.regulation}")


def _unchanged(plan: Plan) -> Plan:
    return plan


DRIFTS = {
    "none": _unchanged,
    "new_family": _new_family,
    "new_vocabulary": _new_vocabulary,
    "tightened_limit": _tightened_limit,
}
assert {limit.family for limit in LATER_LIMITS}.isdisjoint(limit.family for limit in LIMITS)  # noqa: S101  # "never seen before"
