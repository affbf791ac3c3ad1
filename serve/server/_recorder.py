"""What is told of a request after it was answered: a line in the log, the counts, a trace.

It is told in batches, every twentieth of a second: an answer clears the processor's caches, so a line written between
two answers costs several times what it costs in a row of lines. A fault nobody foresaw is told at once.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple, Protocol

from serve.http import Problem, _log
from serve.server._asked import Asked
from serve.server._metrics import Metrics

__all__ = ["OPEN_PATHS", "ROUTES", "Finished", "Listener", "Recorder"]

EVERY_SECONDS = 0.05

OPEN_PATHS = frozenset({"/ping", "/health", "/version", "/openapi.json"})
"""What a load balancer or a developer may read without a credential."""

ROUTES = OPEN_PATHS | {
    "/invocations", "/v1/score", "/v1/caller", "/v1/challenger", "/v1/feedback", "/v1/queue", "/metrics",
}  # fmt: skip
"""Every path there is; all others are told as one, so that a scanner cannot fill the counts."""


class Finished(NamedTuple):
    """A request that is over: when it began (seconds since 1970), what it took, how it ended."""

    asked: Asked
    status: int
    seconds: float
    error: Exception | None

    @property
    def unforeseen(self) -> bool:
        """Whether it failed in a way nobody foresaw."""
        return self.status >= 500 and self.error is not None and not isinstance(self.error, Problem)

    def facts(self, route: str) -> dict[str, Any]:
        """What a log line says, never the text."""
        asked = self.asked
        told: dict[str, Any] = {
            "request_id": asked.request_id,
            "route": route,
            "method": asked.method,
            "status": self.status,
            "ms": round(self.seconds * 1000, 2),
            "caller": asked.caller,
        }
        asked.tell(told)
        if self.error is not None:
            told["fault"] = type(getattr(self.error, "error", self.error)).__name__
        return told


class Listener(Protocol):
    """Who else is told, in the same batches (`_telemetry.py`)."""

    def finished(self, finished: Finished, route: str) -> None:
        """One request is over. Must not raise."""


class Recorder:
    """Tells log, counts and listeners of finished requests.

    Args:
        metrics: the counts.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        metrics.up_to_date = self.flush
        self.listeners: list[Listener] = []
        self._waiting: list[Finished] = []
        self._timer: asyncio.TimerHandle | None = None

    def finished(self, asked: Asked, status: int, error: Exception | None) -> None:
        """Take one request, to be told soon."""
        finished = Finished(asked, status, time.perf_counter() - asked.begun, error)
        del asked.receive, asked.whole  # the body
        self._waiting.append(finished)
        if finished.unforeseen:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVERY_SECONDS, self.flush)

    def flush(self) -> None:
        """Tell what is waiting, now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        lines = []
        for one in waiting:
            route = one.asked.path if one.asked.path in ROUTES else "other"
            self._metrics.finished(one, route)
            for listener in self.listeners:
                listener.finished(one, route)
            if route in OPEN_PATHS and one.status < 400:
                continue  # probes come every few seconds for ever; they are counted, not told
            level = "error" if one.unforeseen else "info"
            fault = one.error if one.unforeseen else None
            lines.append(_log.line("request", level, one.asked.came_at + one.seconds, one.facts(route), fault))
        _log.write(lines)
