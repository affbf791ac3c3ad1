"""Waiting for what happens in another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["until"]


def until(ask: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true answer of `ask` within `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"no {what} within {seconds} s")
