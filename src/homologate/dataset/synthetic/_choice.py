"""Draws that depend on names alone.

Each draw hashes (seed, row, slot). So a row is the same whatever rows stand beside it, on any machine and for any
PYTHONHASHSEED, and changing one decision of a row leaves every other decision as it was: that is what makes pairs
that differ in one thing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

__all__ = ["Choice"]

T = TypeVar("T")


class Choice:
    """The draws of one row.

    Args:
        seed: of the whole generation.
        row: what is drawn for; any name or number.
    """

    __slots__ = ("_key",)

    def __init__(self, seed: int, row: object) -> None:
        self._key = f"{seed}/{row}/"

    def number(self, slot: str) -> float:
        """A number in [0, 1), uniform."""
        digest = hashlib.blake2b((self._key + slot).encode("utf-8"), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def one(self, slot: str, options: Sequence[T]) -> T:
        """One of `options`, each as likely."""
        return options[int(self.number(slot) * len(options))]

    def chance(self, slot: str, share: float) -> bool:
        """True with probability `share`."""
        return self.number(slot) < share

    def weighted(self, slot: str, weights: dict[T, float]) -> T:
        """A key of `weights`, as likely as its weight; weights need not sum to one."""
        left = self.number(slot) * sum(weights.values())
        for option, weight in weights.items():
            left -= weight
            if left < 0:
                return option
        return next(reversed(weights))

    def whole(self, slot: str, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.number(slot) * (high - low + 1))
