"""What drifted, by name, as a piece of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["named_page"]


def named_page(cause: Mapping[str, Sequence[str]]) -> str:
    """The families that moved and the new words of a cause, a paragraph each where there are any."""
    return "".join(
        f"<p>{what}: {escape(', '.join(cause[which]))}.</p>"
        for what, which in (("Families that moved", "families"), ("New words", "words"))
        if cause[which]
    )
