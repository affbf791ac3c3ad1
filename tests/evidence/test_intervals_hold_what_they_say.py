"""The numbers are scikit-learn's, and the intervals cover what they claim to cover."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, brier_score_loss, f1_score, roc_auc_score

from homologate.evidence._intervals import Resampler, ratio
from homologate.evidence._metrics import Verdicts, compare, measure, reliability, statistics
from homologate.settings import CostSettings

COSTS = CostSettings()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(4, 60), ties=st.sampled_from([2, 5, 1000]))
def test_every_metric_is_that_of_scikit_learn_whatever_the_weights_and_ties(seed: int, rows: int, ties: int) -> None:
    generator = np.random.default_rng(seed)
    y = generator.random(rows) < 0.4
    y[:2] = True, False
    p = np.round(generator.random(rows) * ties) / ties
    weights = generator.integers(0, 4, size=rows).astype(float)
    weights[:2] = 1
    found = {name: float(one(weights[None])[0]) for name, one in statistics(Verdicts(y, p, 0.5), COSTS).items()}
    said = p >= 0.5
    assert found["average_precision"] == pytest.approx(average_precision_score(y, p, sample_weight=weights))
    assert found["roc_auc"] == pytest.approx(roc_auc_score(y, p, sample_weight=weights))
    assert found["brier"] == pytest.approx(brier_score_loss(y, p, sample_weight=weights))
    assert found["accuracy"] == pytest.approx(accuracy_score(y, said, sample_weight=weights))
    if np.isfinite(found["f1"]):
        assert found["f1"] == pytest.approx(f1_score(y, said, sample_weight=weights, zero_division=0))


def test_a_95_percent_interval_of_a_mean_covers_the_truth_about_95_times_in_100() -> None:
    generator = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        values = generator.exponential(size=60)
        found = Resampler(np.arange(60), replicates=400).interval(ratio(values, np.ones(60)))
        hits += found["low"] <= 1.0 <= found["high"]
    assert 0.88 <= hits / 200 <= 0.99


def test_near_duplicates_count_as_one_observation() -> None:
    generator = np.random.default_rng(5)
    right = np.repeat(generator.random(40) < 0.7, 10)
    alone, together = (Resampler(groups).rate(right) for groups in (np.arange(400), np.repeat(np.arange(40), 10)))
    assert alone["value"] == together["value"]
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def test_a_perfect_score_still_has_an_interval() -> None:
    found = Resampler(np.arange(20)).rate(np.ones(20, bool))
    assert found == {"value": 1.0, "low": pytest.approx(0.8389, abs=1e-3), "high": 1.0}


def test_what_cannot_be_told_is_none_and_not_zero() -> None:
    one_class = Verdicts(np.zeros(12, bool), np.linspace(0, 1, 12), 0.5)
    found = measure(one_class, Resampler(np.arange(12)), COSTS)
    for name in ("recall", "miss_rate", "roc_auc", "average_precision"):
        assert found[name] == {"value": None, "low": None, "high": None}, name
    assert found["accuracy"]["value"] == 0.5


def test_a_single_positive_leaves_its_rank_without_bounds() -> None:
    y = np.zeros(30, bool)
    y[4] = True
    found = measure(Verdicts(y, np.linspace(1, 0, 30), 0.5), Resampler(np.arange(30)), COSTS)
    assert found["average_precision"]["value"] == pytest.approx(0.2)
    assert found["average_precision"]["low"] is None


def test_the_same_rows_and_seed_give_the_same_interval() -> None:
    values = np.random.default_rng(0).random(50)
    first, second = (Resampler(np.arange(50), seed=7).interval(ratio(values, np.ones(50))) for _ in range(2))
    assert first == second


def test_a_model_compared_with_itself_differs_by_exactly_nothing() -> None:
    generator = np.random.default_rng(1)
    one = Verdicts(generator.random(80) < 0.3, generator.random(80), 0.5)
    found = compare(one, one, Resampler(np.arange(80)), COSTS, ("average_precision", "cost"))
    assert found["average_precision"] == found["cost"] == {"value": 0.0, "low": 0.0, "high": 0.0}


def test_a_calibrated_model_lies_on_the_diagonal_and_a_boastful_one_below_it() -> None:
    generator = np.random.default_rng(2)
    p = generator.random(4000)
    y = generator.random(4000) < p
    resampler = Resampler(np.arange(4000), replicates=200)
    honest, boastful = (measure(Verdicts(y, said, 0.5), resampler, COSTS) for said in (p, np.sqrt(p)))
    assert honest["expected_calibration_error"]["value"] < 0.03 < boastful["expected_calibration_error"]["low"]
    for entry in reliability(Verdicts(y, np.sqrt(p), 0.5), resampler)[2:9]:
        assert entry["share_positive"]["value"] < entry["mean_probability"]
