"""Probabilities are calibrated on validation rows, and the threshold is where mistakes cost least."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from homologate.classifier._calibrate import calibrate, choose_threshold
from homologate.settings import CostSettings

SEEDS = st.integers(0, 10_000)


def drawn(seed: int, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated probabilities of a model that knows something, and what then happened."""
    chance = np.random.default_rng(seed)
    probabilities = expit(chance.normal(-1.5, 2.0, rows))
    targets = (chance.random(rows) < probabilities).astype(np.float64)
    targets[0], targets[1] = 0.0, 1.0
    return probabilities, targets


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_a_dearer_miss_never_raises_the_threshold(seed: int) -> None:
    probabilities, targets = drawn(seed)
    thresholds = [
        choose_threshold(probabilities, targets, CostSettings(pass_bad=dear, stop_good=1.0))
        for dear in (0.5, 1.0, 2.0, 5.0, 20.0)
    ]
    assert thresholds == sorted(thresholds, reverse=True)
    assert all(0 < threshold < 1 for threshold in thresholds)


def test_on_many_calibrated_rows_the_threshold_is_the_ratio_of_the_costs() -> None:
    probabilities, targets = drawn(1, rows=40_000)
    found = choose_threshold(probabilities, targets, CostSettings(pass_bad=5.0, stop_good=1.0))
    assert found == pytest.approx(1 / 6, abs=0.05)


def test_the_threshold_of_few_rows_is_steadier_than_the_cheapest_step_of_the_staircase() -> None:
    costs = CostSettings(pass_bad=5.0, stop_good=1.0)

    def staircase(probabilities: np.ndarray, targets: np.ndarray) -> float:
        steps = np.unique(probabilities)
        missed = [5.0 * targets[probabilities < step].sum() for step in steps]
        stopped = [(1 - targets[probabilities >= step]).sum() for step in steps]
        return float(steps[np.argmin(np.add(missed, stopped))])

    samples = [drawn(seed, rows=150) for seed in range(60)]
    smooth = [choose_threshold(*sample, costs) for sample in samples]
    rough = [staircase(*sample) for sample in samples]
    assert np.std(np.log(smooth)) < 0.85 * np.std(np.log(rough))


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_calibration_finds_the_slope_and_shift_that_were_applied(seed: int) -> None:
    probabilities, targets = drawn(seed, rows=6000)
    logits = np.log(probabilities / (1 - probabilities))
    found = calibrate((logits + 0.7) / 0.4, targets)
    assert found.slope == pytest.approx(0.4, rel=0.15)
    assert found.shift == pytest.approx(-0.7, abs=0.25)


def test_a_separable_set_does_not_ask_for_infinite_confidence() -> None:
    targets = np.array([0.0] * 20 + [1.0] * 5)
    found = calibrate(np.where(targets > 0.5, 3.0, -3.0), targets)
    top = expit(found.slope * 3.0 + found.shift)
    assert top == pytest.approx(6 / 7, abs=0.01)


def test_a_model_that_ranks_backwards_is_not_turned_around() -> None:
    probabilities, targets = drawn(3)
    assert calibrate(-np.log(probabilities / (1 - probabilities)), targets).slope == 0.05
