"""Generated rows cannot be told by a word, a length, a supplier or a family; a bag of words is left far from the truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from homologate.dataset import generate
from homologate.settings import LabelSettings, SyntheticSettings

LABELS = LabelSettings()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return generate(SyntheticSettings(rows=4000), LABELS, seed=13)


@pytest.fixture(scope="module")
def bad(frame: pd.DataFrame) -> np.ndarray:  # type: ignore[type-arg]
    return (frame["label"] == LABELS.positive).to_numpy()


def test_a_fifth_to_a_third_of_the_rows_is_positive(bad: np.ndarray) -> None:  # type: ignore[type-arg]
    assert 0.2 < bad.mean() < 0.33


def test_no_verdict_word_is_written(frame: pd.DataFrame) -> None:
    for word in ("complian", "conform", "homologat", "approved", "reject", "fail", "violat", "defect"):
        assert not frame["text"].str.contains(word, case=False).any(), word


def test_no_single_word_separates_the_labels(frame: pd.DataFrame, bad: np.ndarray) -> None:  # type: ignore[type-arg]
    present = CountVectorizer(binary=True, min_df=20).fit_transform(frame["text"])
    hits, among_bad = np.asarray(present.sum(0)).ravel(), np.asarray(present[bad].sum(0)).ravel()
    true_rate, false_rate = among_bad / bad.sum(), (hits - among_bad) / (~bad).sum()
    area = 0.5 + np.abs(true_rate - false_rate) / 2
    assert area.max() < 0.60


def test_length_does_not_separate_the_labels(frame: pd.DataFrame, bad: np.ndarray) -> None:  # type: ignore[type-arg]
    assert abs(roc_auc_score(bad, frame["text"].str.len()) - 0.5) < 0.05


@pytest.mark.parametrize("column", ["manufacturer", "component"])
def test_no_supplier_or_family_separates_the_labels(frame: pd.DataFrame, bad: np.ndarray, column: str) -> None:  # type: ignore[type-arg]
    shares = pd.Series(bad).groupby(frame[column].to_numpy()).agg(["mean", "size"])
    spread = (shares["mean"] - bad.mean()).abs() / np.sqrt(bad.mean() * (1 - bad.mean()) / shares["size"])
    assert spread.max() < 4, "no further off than chance would have it among so many"


def test_a_bag_of_words_is_left_far_from_the_truth(frame: pd.DataFrame, bad: np.ndarray) -> None:  # type: ignore[type-arg]
    train, test = slice(0, 1600), slice(1600, None)
    vectors = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(vectors.fit_transform(frame["text"][train]), bad[train])
    scores = model.decision_function(vectors.transform(frame["text"][test]))
    assert 0.4 < average_precision_score(bad[test], scores) < 0.8
