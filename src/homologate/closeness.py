"""How near a verdict is to the line between the two labels. Standard library only."""

from __future__ import annotations

import math

__all__ = ["against_even"]


def against_even(probability: float, threshold: float) -> float:
    """The probability as if the threshold were 0.5: shifted by its log-odds, so that both sides count alike.

    Args:
        probability: of the positive label.
        threshold: from which it is answered.

    Returns:
        0.5 at the line, 0 and 1 where the evidence is all on one side.
    """
    return 1 / (1 + math.exp(_log_odds(threshold) - _log_odds(probability)))


def _log_odds(p: float) -> float:
    kept = min(max(p, 1e-9), 1 - 1e-9)
    return math.log(kept / (1 - kept))
