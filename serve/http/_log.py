"""Structured logs: one JSON object a line on stderr. A text that was judged is never among them."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

__all__ = ["event", "line", "set_up", "tell", "write"]

_encoder = msgspec.json.Encoder(enc_hook=str)
_LOGGER = logging.getLogger("homologate.serve")


def event(name: str, *, level: int = logging.INFO, **facts: Any) -> None:
    """Log that something happened. `facts` must be JSON and must not hold what a client sent as text."""
    _LOGGER.log(level, name, extra={"facts": facts})


def line(name: str, level: str, at: float, facts: dict[str, Any], error: BaseException | None = None) -> str:
    """One line: what happened, when (seconds since 1970), and of a fault its kind and place.

    A fault's message is left out: it may quote what a client sent.
    """
    second = int(at)
    moment = f"{_moment(second)}.{int((at - second) * 1000):03d}Z"
    told: dict[str, Any] = {"time": moment, "level": level, "event": name, **facts}
    if error is not None:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        told["error"] = type(error).__name__
        told["at"] = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else None
    try:
        return _encoder.encode(told).decode()
    except UnicodeEncodeError:  # half a surrogate pair, in the name of a caller say, cannot be written as UTF-8
        return json.dumps(told, default=str)


@lru_cache(2)
def _moment(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def write(lines: Sequence[str]) -> None:
    """Write lines whole. A log that cannot be written (a full disk, a closed pipe) must not stop answers."""
    if lines:
        try:
            sys.stderr.write("\n".join(lines) + "\n")
            sys.stderr.flush()
        except OSError:
            pass


def set_up() -> None:
    """Send this server's and uvicorn's logs to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    for logger in (_LOGGER, logging.getLogger("uvicorn")):
        logger.handlers = [handler]
        logger.propagate = False
    _LOGGER.setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.raiseExceptions = False  # as `write`: a full disk must not turn every event into a traceback


def tell(listener: Callable[[logging.LogRecord], None]) -> None:
    """Let `listener` hear of every event too."""

    class Listening(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            listener(record)

    _LOGGER.addHandler(Listening())


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        facts = getattr(record, "facts", {})
        return line(record.getMessage(), record.levelname.lower(), record.created, facts, error)
