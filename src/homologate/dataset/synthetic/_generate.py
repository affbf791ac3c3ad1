"""The frame of generated rows, and the facts behind each."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import pandas as pd

from homologate.dataset._canonical import canonical
from homologate.dataset.synthetic._choice import Choice
from homologate.dataset.synthetic._drift import drifted
from homologate.dataset.synthetic._plan import Evidence, Plan, Scope, plan_row
from homologate.dataset.synthetic._render import render
from homologate.dataset.synthetic._units import convert
from homologate.settings import LabelSettings, SyntheticSettings

__all__ = ["Fact", "generate", "generate_with_facts", "row_of"]

FIRST_DAY = datetime.date(2019, 1, 7)
DAYS = 6 * 365


@dataclass(frozen=True, slots=True)
class Fact:
    """What stands behind one row, for tests that need to know more than the label.

    Args:
        id: of the row.
        family, quantity, regulation, clause: what the component is, what was measured, and under which clause.
        kind: `minimum` or `maximum`.
        limit, limit_unit: the limit as the regulation states it.
        value, unit: the measured value in the unit the text gives it in; None where the text gives no figure.
        relation: `above` or `below`: where the component lies against the limit.
        evidence, scope: how it is shown, and of how many specimens (`_plan`).
        other: `kept` or `broken` for the part that is not judged, `none` where there is none.
        drifted: whether the drift applies to the row.
    """

    id: str
    family: str
    quantity: str
    regulation: str
    clause: str
    kind: str
    limit: float
    limit_unit: str
    value: float | None
    unit: str | None
    relation: str
    evidence: Evidence
    scope: Scope
    other: str
    drifted: bool


def generate(settings: SyntheticSettings, labels: LabelSettings, seed: int) -> pd.DataFrame:
    """Make `settings.rows` component descriptions.

    Args:
        settings: how many rows, and what changes in the newest of them.
        labels: the two words.
        seed: another seed gives other rows; the same seed gives the same rows anywhere.

    Returns:
        A canonical frame (docs/architecture.md) with exact cause spans, dated over six years, about a quarter of the
        rows positive.
    """
    return generate_with_facts(settings, labels, seed)[0]


def generate_with_facts(
    settings: SyntheticSettings, labels: LabelSettings, seed: int
) -> tuple[pd.DataFrame, list[Fact]]:
    """The frame of `generate`, and one fact a row in the same order."""
    count = settings.rows
    drift_from = count - round(count * settings.drift_share) if settings.drift != "none" else count
    rows: dict[str, list[object]] = {name: [] for name in ("id", "text", "label", "date", "component", "manufacturer")}
    rows |= {"source": ["synthetic"] * count, "cause_start": [], "cause_end": []}
    facts: list[Fact] = []
    for number in range(count):
        plan = row_of(seed, number)
        if number >= drift_from:
            plan = drifted(plan, settings.drift)
        text, start, end = render(plan)
        # Rows are numbered by date, so an id tells a row's age and nothing else.
        name = f"syn-{seed}-{number:07d}"
        values = (
            name,
            text,
            labels.positive if plan.broken else labels.negative,
            (FIRST_DAY + datetime.timedelta(days=DAYS * number // count)).isoformat(),
            plan.limit.family,
            plan.supplier,
        )
        for column, value in zip(rows, values, strict=False):
            rows[column].append(value)
        rows["cause_start"].append(start)
        rows["cause_end"].append(end)
        facts.append(_fact(name, plan, number >= drift_from))
    return canonical(rows), facts


def row_of(seed: int, number: int) -> Plan:
    """The plan of one row before any drift."""
    return plan_row(Choice(seed, number))


def _fact(name: str, plan: Plan, is_drifted: bool) -> Fact:
    limit = plan.limit
    numbered = plan.evidence == "number"
    return Fact(
        id=name,
        family=limit.family,
        quantity=limit.quantity,
        regulation=limit.regulation,
        clause=limit.clause,
        kind=limit.kind,
        limit=limit.value,
        limit_unit=limit.unit,
        value=convert(limit.value * plan.ratio, limit.unit, plan.unit) if numbered else None,
        unit=plan.unit if numbered else None,
        relation="above" if plan.broken == (limit.kind == "maximum") else "below",
        evidence=plan.evidence,
        scope=plan.scope,
        other="none" if plan.other_broken is None else "broken" if plan.other_broken else "kept",
        drifted=is_drifted,
    )
