"""A generated row is reproducible, in canonical form, and its label follows from the statement its cause span marks."""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homologate.dataset import COLUMNS, Fact, check_rows, fingerprint, generate, generate_with_facts, read_rows
from homologate.dataset.synthetic._choice import Choice
from homologate.dataset.synthetic._limits import LATER_LIMITS, LIMITS
from homologate.dataset.synthetic._plan import plan_row
from homologate.dataset.synthetic._render import render
from homologate.dataset.synthetic._units import UNITS, convert, number, stated
from homologate.dataset.synthetic._wording import words
from homologate.settings import DataSettings, LabelSettings, SyntheticSettings

LABELS = LabelSettings()


@pytest.fixture(scope="module")
def generated() -> tuple[pd.DataFrame, list[Fact]]:
    return generate_with_facts(SyntheticSettings(rows=1500), LABELS, seed=11)


def test_rows_are_canonical(generated: tuple[pd.DataFrame, list[Fact]]) -> None:
    frame, facts = generated
    assert tuple(frame.columns) == COLUMNS
    check_rows(frame, LABELS, place="generated")
    assert frame["id"].tolist() == [fact.id for fact in facts]
    assert frame["date"].is_monotonic_increasing
    assert frame["text"].is_unique


def test_the_source_synthetic_gives_the_rows_of_its_seed() -> None:
    settings = DataSettings(synthetic=SyntheticSettings(rows=80, seed=9))
    assert fingerprint(read_rows(settings)) == fingerprint(generate(settings.synthetic, LABELS, seed=9))


def test_rows_depend_on_the_seed_alone() -> None:
    program = (
        "from homologate.dataset import fingerprint, generate\n"
        "from homologate.settings import LabelSettings, SyntheticSettings\n"
        "print(fingerprint(generate(SyntheticSettings(rows=120), LabelSettings(), 7)))"
    )
    seen = set()
    for hash_seed in ("0", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        seen.add(done.stdout.strip())
    assert seen == {fingerprint(generate(SyntheticSettings(rows=120), LABELS, 7))}
    assert seen != {fingerprint(generate(SyntheticSettings(rows=120), LABELS, 8))}


def test_labels_are_those_of_the_settings() -> None:
    frame = generate(SyntheticSettings(rows=60), LabelSettings(positive="bad", negative="good"), seed=1)
    assert set(frame["label"]) == {"bad", "good"}


def test_there_are_a_dozen_families_and_every_limit_is_cited() -> None:
    assert len({limit.family for limit in LIMITS}) >= 12
    for limit in (*LIMITS, *LATER_LIMITS):
        assert re.match(r"(FMVSS \d{3}a?|UN R\d+(-H)?)$", limit.regulation), limit
        assert limit.clause
        assert limit.kind in ("minimum", "maximum")
        assert limit.value > 0
        assert len(limit.kept) == len(limit.broken) >= 3
        for predicate in (*limit.kept, *limit.broken):
            assert not re.search(r"\b(never|not?|none|nothing|hardly|without|only)\b", predicate), (
                "negated by the scope"
            )
        assert all(UNITS[other].dimension == UNITS[limit.unit].dimension for other in limit.others)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), row=st.integers(0, 2**32))
def test_the_cause_span_holds_the_deciding_statement(seed: int, row: int) -> None:
    plan = replace(plan_row(Choice(seed, row)), noise=0)
    text, start, end = render(plan)
    cause = text[start:end]
    assert 0 <= start < end <= len(text)
    assert cause == cause.strip()
    if plan.scope in ("one", "never", "all", "none") and plan.evidence == "event":
        inverted = plan.scope in ("never", "none")
        said = plan.limit.broken if plan.broken != inverted else plan.limit.kept
        # One wording may end with another; the longest that fits is the one that was written.
        fitting = [predicate for predicate in (*plan.limit.kept, *plan.limit.broken) if cause.endswith(predicate)]
        assert max(fitting, key=len) in said
    assert text == text.strip()
    assert "{" not in text


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32), row=st.integers(0, 2**32))
def test_the_label_follows_from_figures_as_written(seed: int, row: int) -> None:
    """Read value and limit back from the text, in whatever unit, and decide as a reader would."""
    plan = replace(plan_row(Choice(seed, row)), evidence="number", scope="one", noise=0)
    text, start, end = render(plan)
    written_limit = stated(plan.limit.value, plan.limit.unit)
    value = number(convert(plan.limit.value * plan.ratio, plan.limit.unit, plan.unit), plan.unit)
    cause = text[start:end]
    assert written_limit in cause
    assert value in cause
    read = float(re.match(r"[\d.,]+", value)[0].replace(",", ""))  # type: ignore[index]
    allowed = float(re.match(r"[\d.,]+", written_limit)[0].replace(",", ""))  # type: ignore[index]
    above = convert(read, plan.unit, plan.limit.unit) > allowed
    assert plan.broken == (above == (plan.limit.kind == "maximum"))


def test_a_share_never_passes_all_there_is() -> None:
    limits = tuple(limit for limit in LIMITS if limit.unit == "%")
    for row in range(400):
        plan = plan_row(Choice(2, row), limits)
        assert plan.limit.value * plan.ratio <= 100


def test_facts_say_what_the_rows_say(generated: tuple[pd.DataFrame, list[Fact]]) -> None:
    frame, facts = generated
    for row, fact in zip(frame.itertuples(), facts, strict=True):
        assert row.component == fact.family
        broken = fact.relation == ("above" if fact.kind == "maximum" else "below")
        assert row.label == (LABELS.positive if broken else LABELS.negative)
        if fact.value is not None:
            assert fact.unit is not None
            ratio = convert(fact.value, fact.unit, fact.limit_unit) / fact.limit
            assert (ratio > 1) == (fact.relation == "above")


@pytest.mark.parametrize("unit", sorted(UNITS))
def test_conversions_return(unit: str) -> None:
    for other in UNITS:
        if UNITS[other].dimension == UNITS[unit].dimension:
            assert convert(convert(12.5, unit, other), other, unit) == pytest.approx(12.5)
        else:
            with pytest.raises(ValueError, match="measures"):
                convert(1, unit, other)


def test_conversions_are_those_of_the_books() -> None:
    assert convert(26.689, "kN", "lbf") == pytest.approx(6000, rel=1e-4)
    assert convert(34.474, "MPa", "psi") == pytest.approx(5000, rel=1e-4)
    assert convert(102, "mm/min", "in/min") == pytest.approx(4.016, rel=1e-3)
    assert convert(45, "cycles/min", "Hz") == pytest.approx(0.75)


@pytest.mark.parametrize("drift", ["new_family", "new_vocabulary", "tightened_limit"])
def test_drift_changes_the_newest_rows_and_no_other(drift: str) -> None:
    before = generate(SyntheticSettings(rows=200), LABELS, seed=5)
    after, facts = generate_with_facts(SyntheticSettings(rows=200, drift=drift, drift_share=0.3), LABELS, seed=5)  # type: ignore[arg-type]
    same = (before["text"] == after["text"]).tolist()
    assert same[:140] == [True] * 140
    assert sum(same[140:]) < 20
    assert [fact.drifted for fact in facts] == [False] * 140 + [True] * 60
    check_rows(after, LABELS, place="drifted")
    assert set(after["label"].iloc[140:]) == set(LABELS.words)


def test_a_new_family_is_one_never_seen_before() -> None:
    frame = generate(SyntheticSettings(rows=200, drift="new_family"), LABELS, seed=5)
    assert set(frame["component"].iloc[160:]) == {limit.family for limit in LATER_LIMITS}
    assert set(frame["component"].iloc[:160]).isdisjoint(frame["component"].iloc[160:])


def test_new_vocabulary_comes_with_new_suppliers() -> None:
    frame = generate(SyntheticSettings(rows=200, drift="new_vocabulary"), LABELS, seed=5)
    assert set(frame["manufacturer"].iloc[160:]) <= set(words("later_supplier"))
    assert not set(frame["manufacturer"].iloc[:160]) & set(words("later_supplier"))


def test_a_tightened_limit_condemns_what_the_old_one_let_pass() -> None:
    frame, facts = generate_with_facts(SyntheticSettings(rows=400, drift="tightened_limit"), LABELS, seed=5)
    old = {(limit.family, limit.quantity): limit for limit in LIMITS}
    condemned = 0
    for row, fact in zip(frame.itertuples(), facts, strict=True):
        if fact.drifted:
            assert fact.regulation.startswith("amended ")
            assert stated(fact.limit, fact.limit_unit) in row.text
            assert fact.value is not None
            assert fact.unit is not None
            limit = old[fact.family, fact.quantity]
            value = convert(fact.value, fact.unit, fact.limit_unit)
            kept_old = value >= limit.value if fact.kind == "minimum" else value <= limit.value
            condemned += kept_old and row.label == LABELS.positive
            assert row.label == LABELS.positive or kept_old
    assert condemned >= 15


def test_dates_run_over_several_years() -> None:
    days = [datetime.date.fromisoformat(day) for day in generate(SyntheticSettings(rows=100), LABELS, 1)["date"]]
    assert (days[-1] - days[0]).days > 5 * 365
