"""How far it has come: a bar on a terminal, a line every few seconds elsewhere. Always on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from tqdm import tqdm

__all__ = ["ProgressLine"]

SECONDS = 5.0
"""Between two lines where nobody watches a terminal."""


class ProgressLine:
    """Counts towards a total.

    Args:
        title: what is being done.
        total: how many units there are.
        done: how many were done before.
        unit: what is counted.
    """

    def __init__(self, title: str, total: int, done: int = 0, unit: str = "step") -> None:
        self._title, self._total, self._done, self._unit = title, total, done, unit
        self._first = done
        self._started = self._said = time.monotonic()
        self._bar = tqdm(desc=title, total=total, initial=done, unit=unit, leave=False) if sys.stderr.isatty() else None

    def advance(self, units: int, note: str = "") -> None:
        """So many more are done."""
        self._done += units
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(units)
            return
        now = time.monotonic()
        if now - self._said >= SECONDS:
            self._said = now
            pace = (now - self._started) / max(1, self._done - self._first)
            left = pace * (self._total - self._done)
            extra = f", {note}" if note else ""
            print(
                f"{self._title}: {self._unit} {self._done}/{self._total}{extra}, about {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    def say(self, sentence: str) -> None:
        """One line of its own."""
        if self._bar is not None:
            self._bar.write(f"{self._title}: {sentence}", file=sys.stderr)
        else:
            print(f"{self._title}: {sentence}", file=sys.stderr, flush=True)

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
