"""Structured logs: one JSON object a line on stderr. A text that was judged is never among them."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import Any

__all__ = ["event", "set_up"]

_LOGGER = logging.getLogger("homologate.serve")


def event(name: str, *, level: int = logging.INFO, **facts: Any) -> None:
    """Log that something happened. `facts` must be JSON and must not hold what a client sent as text."""
    _LOGGER.log(level, name, extra={"facts": facts})


def set_up() -> None:
    """Send this server's and uvicorn's logs to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    for logger in (_LOGGER, logging.getLogger("uvicorn")):
        logger.handlers = [handler]
        logger.propagate = False
    _LOGGER.setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        seconds, part = divmod(record.created, 1)
        line: dict[str, Any] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(part * 1000):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            # The kind and the place of a fault; its message may quote what a client sent.
            error, trace = record.exc_info[1], record.exc_info[2]
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            where = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else None
            line.update(error=type(error).__name__, at=where)
        return json.dumps(line, default=str)
