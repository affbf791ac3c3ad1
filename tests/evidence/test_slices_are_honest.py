"""Small slices are merged and said so, one-class slices are marked, and a gap is held against chance."""

from __future__ import annotations

import numpy as np

from homologate.evidence._intervals import Resampler
from homologate.evidence._metrics import Verdicts
from homologate.evidence._slices import LEAST_ROWS, columns, measure_slices


def _verdicts(positive: np.ndarray, wrong: np.ndarray) -> Verdicts:
    return Verdicts(positive, np.where(positive != wrong, 0.9, 0.1), 0.5)


def test_a_group_that_is_judged_worse_is_found_and_its_gap_lies_beyond_chance() -> None:
    generator = np.random.default_rng(0)
    names = np.array(["belt"] * 150 + ["hose"] * 150, dtype=object)
    wrong = generator.random(300) < np.where(names == "hose", 0.35, 0.05)
    found = measure_slices(names, _verdicts(generator.random(300) < 0.5, wrong), Resampler(np.arange(300)))
    gap = found["gap"]["accuracy"]
    assert (gap["highest"], gap["lowest"]) == ("belt", "hose")
    assert gap["low"] > gap["chance"]


def test_a_gap_among_equals_lies_beyond_chance_about_one_time_in_twenty() -> None:
    names, beyond = np.repeat(np.array(["a", "b", "c", "d"], dtype=object), 60), 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        verdicts = _verdicts(generator.random(240) < 0.5, generator.random(240) < 0.2)
        gap = measure_slices(names, verdicts, Resampler(np.arange(240), replicates=50))["gap"]["accuracy"]
        assert gap["value"] > 0
        beyond += gap["value"] > gap["chance"]
    assert beyond <= 4


def test_small_slices_are_merged_and_listed() -> None:
    names = np.array(["large"] * 60 + ["tiny"] * 5 + ["small"] * (LEAST_ROWS - 1), dtype=object)
    rows = len(names)
    found = measure_slices(
        names, _verdicts(np.arange(rows) % 2 == 0, np.arange(rows) % 7 == 0), Resampler(np.arange(rows))
    )
    assert [row["name"] for row in found["rows"]] == ["large", "2 small slices together"]
    assert found["merged"] == [{"name": "small", "rows": LEAST_ROWS - 1}, {"name": "tiny", "rows": 5}]


def test_a_slice_with_one_class_says_what_it_cannot_tell() -> None:
    names = np.array(["mixed"] * 40 + ["all good"] * 40, dtype=object)
    positive = np.array([row < 40 and row % 2 == 0 for row in range(80)])
    found = measure_slices(names, _verdicts(positive, np.arange(80) % 9 == 0), Resampler(np.arange(80)))
    good = next(row for row in found["rows"] if row["name"] == "all good")
    assert good["miss_rate"] == {"value": None, "low": None, "high": None}
    assert good["false_stop_rate"]["value"] is not None
    assert "fewer than two slices" in found["gap"]["miss_rate"]["not_measured"]


def test_rows_of_one_slice_are_not_compared_and_the_reason_is_given() -> None:
    names = np.array(["bench"] * 30, dtype=object)
    found = measure_slices(names, _verdicts(np.arange(30) % 2 == 0, np.zeros(30, bool)), Resampler(np.arange(30)))
    assert found["not_measured"] == "every row falls into one slice, 'bench'"


def test_every_row_has_a_slice_even_where_a_column_is_empty(make_rows) -> None:
    frame = make_rows(80)
    frame.loc[:10, ["manufacturer", "date"]] = ""
    found = columns(frame)
    assert set(found) == {"component", "manufacturer", "source", "length", "year"}
    assert (found["manufacturer"][:11] == "(unknown)").all()
    assert (found["year"][:11] == "(unknown)").all()
    assert all(len(names) == 80 for names in found.values())
