"""From logits to honest probabilities, and from probabilities to a threshold.

Both are fitted on the validation rows, which no weight has seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from homologate.settings import CostSettings

__all__ = ["Calibration", "calibrate", "choose_threshold"]

Floats = NDArray[np.floating]
GRID = 601


@dataclass(frozen=True, slots=True)
class Calibration:
    """`probability = sigmoid(slope · logit + shift)`; folded into the head, so shares stay additive."""

    slope: float
    shift: float


def calibrate(logits: Floats, targets: Floats) -> Calibration:
    """Platt scaling with his smoothed targets, so that a separable set does not ask for infinite confidence.

    Source: J. Platt, "Probabilistic Outputs for Support Vector Machines", 1999; solved as in H.-T. Lin et al., "A note
    on Platt's probabilistic outputs", 2007.

    Args:
        logits: (n,) of the positive label.
        targets: (n,) 0 or 1, both present.

    Returns:
        Slope and shift. A slope is never taken below 0.05: a model that ranks backwards must show, not be mirrored.
    """
    from scipy.optimize import minimize

    positives = float(targets.sum())
    negatives = len(targets) - positives
    wanted = np.where(targets > 0.5, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scaled = parameters[0] * logits + parameters[1]
        wrong = _sigmoid(scaled) - wanted
        return float(np.mean(np.logaddexp(0, scaled) - wanted * scaled)), np.array(
            [np.mean(wrong * logits), np.mean(wrong)]
        )

    found = minimize(loss, np.array([1.0, 0.0]), jac=True, method="L-BFGS-B", bounds=[(0.05, 20), (-50, 50)])
    return Calibration(float(found.x[0]), float(found.x[1]))


def choose_threshold(probabilities: Floats, targets: Floats, costs: CostSettings) -> float:
    """The probability from which a component is stopped, at the least expected cost.

    The cost of every threshold on a few dozen positives is a staircase whose minimum jumps with single rows. So each
    row is spread over the logit axis by a Gaussian kernel (Silverman's bandwidth), which makes the cost smooth and its
    minimum stable (tests/test_thresholds_follow_costs.py).

    Args:
        probabilities: calibrated, (n,).
        targets: (n,) 0 or 1.
        costs: what each mistake costs.

    Returns:
        A threshold strictly between 0 and 1.
    """
    from scipy.stats import norm

    clipped = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-7, 1 - 1e-7)
    logits = np.log(clipped / (1 - clipped))
    spread = min(float(logits.std()), float(np.subtract(*np.percentile(logits, [75, 25]))) / 1.34) or 1.0
    width = max(0.9 * spread * len(logits) ** -0.2, 0.05)
    grid = np.linspace(logits.min() - 3 * width, logits.max() + 3 * width, GRID)
    # Rows are counted on the grid first, so a hundred thousand of them need no more memory than a hundred.
    place = np.rint((logits - grid[0]) / (grid[1] - grid[0])).astype(int)
    bad = np.bincount(place[targets > 0.5], minlength=GRID)
    good = np.bincount(place[targets <= 0.5], minlength=GRID)
    below = norm.cdf((grid[:, None] - grid[None, :]) / width)
    cost = costs.pass_bad * (below @ bad) + costs.stop_good * ((1 - below) @ good)
    cheapest = np.flatnonzero(cost <= cost.min() * (1 + 1e-9))
    return float(np.clip(_sigmoid(grid[cheapest[len(cheapest) // 2]]), 1e-6, 1 - 1e-6))


def _sigmoid(values: Floats | float) -> Floats:
    from scipy.special import expit

    return np.asarray(expit(values))
