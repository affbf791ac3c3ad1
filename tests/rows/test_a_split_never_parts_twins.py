"""Rows are parted by date where there is one, by a stable hash where there is none, and near-duplicates stay together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from homologate.dataset import generate, near_duplicate_groups, split_rows
from homologate.errors import DataError
from homologate.settings import LabelSettings, SplitSettings, SyntheticSettings

WORDS = [f"w{letter}" for letter in "abcdefghij"]


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return generate(SyntheticSettings(rows=500), LabelSettings(), seed=4)


def undated(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(date="").sort_values("id", ignore_index=True)


def with_twins(frame: pd.DataFrame, count: int = 40) -> pd.DataFrame:
    """The newest rows get the texts of the oldest, one word changed."""
    twins = frame.copy()
    newest = twins.index[-count:]
    twins.loc[newest, "text"] = [f"{text} Again." for text in frame["text"].iloc[:count]]
    return twins


def test_the_newest_rows_are_the_test(frame: pd.DataFrame) -> None:
    split = split_rows(frame, SplitSettings(test_share=0.25, valid_share=0.15))
    parts = dict(iter(split.groupby("split")))
    assert {name: len(rows) for name, rows in parts.items()} == pytest.approx(
        {"train": 300, "valid": 75, "test": 125}, abs=6
    )
    lone = split[~split["group"].duplicated(keep=False)]
    newest = lone.groupby("split")["date"].agg(["min", "max"])
    assert newest.loc["train", "max"] <= newest.loc["valid", "min"]
    assert newest.loc["valid", "max"] <= newest.loc["test", "min"]


@pytest.mark.parametrize("dated", [True, False])
def test_no_group_lies_in_two_parts(frame: pd.DataFrame, dated: bool) -> None:
    rows = with_twins(frame) if dated else undated(with_twins(frame))
    split = split_rows(rows, SplitSettings())
    assert split["group"].nunique() <= 460
    assert split.groupby("group")["split"].nunique().max() == 1


def test_a_twin_of_an_old_row_is_not_a_test_item(frame: pd.DataFrame) -> None:
    split = split_rows(with_twins(frame), SplitSettings())
    assert set(split.iloc[-40:]["split"]) == {"train"}


def test_without_dates_the_place_of_a_row_is_its_own(frame: pd.DataFrame) -> None:
    rows = undated(frame)
    whole = split_rows(rows, SplitSettings()).set_index("id")["split"]
    fewer = split_rows(rows.iloc[::2].reset_index(drop=True), SplitSettings()).set_index("id")["split"]
    assert (whole[fewer.index] == fewer).mean() > 0.99
    assert (whole == "test").mean() == pytest.approx(0.2, abs=0.06)


def test_a_few_undated_rows_count_as_oldest(frame: pd.DataFrame) -> None:
    rows = frame.copy()
    rows.loc[rows.index[::10], "date"] = ""
    rows = rows.sort_values(["date", "id"], ignore_index=True)
    split = split_rows(rows, SplitSettings())
    assert set(split.loc[split["date"] == "", "split"]) == {"train"}


def test_the_frame_given_is_not_changed(frame: pd.DataFrame) -> None:
    before = frame.copy(deep=True)
    split_rows(frame, SplitSettings())
    pd.testing.assert_frame_equal(frame, before)


def test_fewer_rows_than_the_parts_need_are_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(DataError) as caught:
        split_rows(frame.head(12), SplitSettings())
    assert "12 rows are too few to split" in str(caught.value)
    assert "at least 14 rows" in str(caught.value)


def test_a_part_without_one_of_the_labels_is_refused(frame: pd.DataFrame) -> None:
    rows = frame.assign(label=["non-compliant"] * 30 + ["compliant"] * 470)
    with pytest.raises(DataError) as caught:
        split_rows(rows, SplitSettings())
    assert "the valid part has 75 rows and none labelled 'non-compliant'" in str(caught.value)


def test_shares_that_leave_nothing_are_refused(frame: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="leave a part with no rows"):
        split_rows(frame, SplitSettings(test_share=0.6, valid_share=0.4))


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(WORDS), min_size=0, max_size=6).map(" ".join), min_size=1, max_size=30),
    cosine=st.sampled_from([0.3, 0.5, 0.8, 1.0]),
)
def test_groups_are_those_of_the_full_matrix(texts: list[str], cosine: float) -> None:
    found = near_duplicate_groups(texts, cosine)
    distinct = sorted(set(texts))
    try:
        vectors = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b").fit_transform(distinct)
        close = (vectors @ vectors.T).toarray() >= cosine - 1e-6
    except ValueError:  # no words at all
        close = np.eye(len(distinct), dtype=bool)
    np.fill_diagonal(close, True)
    for _ in distinct:  # transitive closure by brute force
        close = (close.astype(int) @ close.astype(int)) > 0
    index = {text: place for place, text in enumerate(distinct)}
    for one, a in enumerate(texts):
        for other, b in enumerate(texts):
            assert (found[one] == found[other]) == close[index[a], index[b]]


def test_groups_are_numbered_as_they_appear() -> None:
    assert near_duplicate_groups(["b c d", "a e f", "b c d", "g h i"], 0.8).tolist() == [0, 1, 0, 2]
    assert near_duplicate_groups(["a", "b"], 0.0).tolist() == [0, 0]
    assert near_duplicate_groups([], 0.8).tolist() == []
