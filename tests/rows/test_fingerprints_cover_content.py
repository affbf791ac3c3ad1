"""The fingerprint is the content of the rows: nothing less, nothing more."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homologate.dataset import fingerprint, generate, split_rows
from homologate.settings import LabelSettings, SplitSettings, SyntheticSettings


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return generate(SyntheticSettings(rows=60), LabelSettings(), seed=3)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_it_does_not_depend_on_order(frame: pd.DataFrame, seed: int) -> None:
    shuffled = frame.sample(frac=1, random_state=seed)
    columns = pd.Series(frame.columns).sample(frac=1, random_state=seed)
    assert fingerprint(shuffled[columns.tolist()]) == fingerprint(frame)


@pytest.mark.parametrize("column", ["id", "text", "label", "date", "component", "manufacturer", "cause_end"])
def test_it_changes_with_any_value(frame: pd.DataFrame, column: str) -> None:
    changed = frame.copy()
    changed.loc[7, column] = changed.loc[7, column] + (1 if column == "cause_end" else "x")
    assert fingerprint(changed) != fingerprint(frame)


def test_it_changes_when_a_row_is_dropped_or_doubled(frame: pd.DataFrame) -> None:
    assert fingerprint(frame.iloc[1:]) != fingerprint(frame)
    assert fingerprint(pd.concat([frame, frame.iloc[:1]])) != fingerprint(frame)


def test_it_does_not_depend_on_the_file_or_the_split(frame: pd.DataFrame) -> None:
    elsewhere = split_rows(frame.assign(source="other.csv"), SplitSettings(test_share=0.3, valid_share=0.3))
    assert fingerprint(elsewhere) == fingerprint(frame)


def test_values_cannot_run_into_each_other(frame: pd.DataFrame) -> None:
    one = frame.head(1).assign(component="ab", manufacturer="c")
    other = frame.head(1).assign(component="a", manufacturer="bc")
    assert fingerprint(one) != fingerprint(other)


def test_it_names_its_algorithm(frame: pd.DataFrame) -> None:
    algorithm, _, digest = fingerprint(frame).partition(":")
    assert (algorithm, len(digest)) == ("sha256", 64)
