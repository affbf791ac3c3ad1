"""Windows: whole hours, days, weeks or months of UTC, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

__all__ = ["Period", "Window", "window_of", "windows_before"]

Period = Literal["hour", "day", "week", "month"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(NamedTuple):
    """From `start` up to and without `end`, UTC."""

    start: datetime
    end: datetime
    period: Period

    @property
    def name(self) -> str:
        """What runs and people call it: `2026-03-01`, `2026-03-01T09`, `2026-W09`, `2026-03`."""
        form = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}[self.period]
        return self.start.strftime(form)

    @property
    def number(self) -> int:
        """Windows of this period since 1970: the step of its metrics, so that series of versions line up."""
        if self.period == "month":
            return (self.start.year - 1970) * 12 + self.start.month - 1
        hours = {"hour": 1, "day": 24, "week": 168}[self.period]
        return int((self.start - _EPOCH) / timedelta(hours=hours))


def window_of(moment: datetime, period: Period) -> Window:
    """The window that holds a moment."""
    moment = moment.astimezone(UTC)
    if period == "hour":
        start = moment.replace(minute=0, second=0, microsecond=0)
        return Window(start, start + timedelta(hours=1), period)
    start = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return Window(start, start + timedelta(days=1), period)
    if period == "week":
        start -= timedelta(days=start.weekday())
        return Window(start, start + timedelta(days=7), period)
    start = start.replace(day=1)
    return Window(start, (start + timedelta(days=32)).replace(day=1), period)


def windows_before(moment: datetime, period: Period, count: int) -> Iterator[Window]:
    """The last `count` windows that were over at `moment`, oldest first."""
    found: list[Window] = []
    window = window_of(moment, period)
    for _ in range(count):
        window = window_of(window.start - timedelta(seconds=1), period)
        found.append(window)
    return reversed(found)
