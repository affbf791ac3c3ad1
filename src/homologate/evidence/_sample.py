"""Which texts the costly tests are made on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["balanced"]


def balanced(stopped: NDArray[np.bool_], count: int, seed: int = 20) -> NDArray[np.int64]:
    """At most `count` rows, half of each verdict where there are enough, in random order.

    Verdicts, not labels, are balanced: what is tested is what the model says, right or wrong.
    """
    generator = np.random.default_rng(seed)
    one, other = generator.permutation(np.flatnonzero(stopped)), generator.permutation(np.flatnonzero(~stopped))
    fewer = min(len(one), len(other), count // 2)
    rows = np.concatenate([one[: max(fewer, count - len(other))], other[: max(fewer, count - len(one))]])
    return np.asarray(generator.permutation(rows)[:count])
