"""Is there a person in the texts: what looks like a way to reach one is counted.

A pattern finds addresses, not people: names are not looked for, and the facts say nothing about them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["contacts"]

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_TELEPHONE = re.compile(
    r"(?<![\w.])(?:\+?\d{1,3}[ .-])?(?:\(\d{3}\)[ .-]?|\d{3}[.-])\d{3}[.-]\d{4}(?!\d)|\+\d{2}[ \d-]{7,}\d"
)


def contacts(texts: Iterable[str]) -> dict[str, int]:
    """`{"rows", "emails", "telephones"}`: how many texts hold at least one."""
    every = list(texts)
    return {
        "rows": len(every),
        "emails": sum(bool(_EMAIL.search(text)) for text in every),
        "telephones": sum(bool(_TELEPHONE.search(text)) for text in every),
    }
