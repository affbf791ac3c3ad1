"""HTTP/1.1 of one connection: uvicorn's, with bounds it has not and word of a client that left.

connections   one beyond the limit is closed at once
header        its bytes and the seconds it may take are bounded (the body's are, where it is read: `_body.py`)
departure     the handler of a request whose client leaves is cancelled, wherever it stands
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from homologate.errors import DataError
from serve.http import _log
from serve.http._limits import Limits
from serve.http._problem import Problem

__all__ = ["CONNECTION", "KEEP_ALIVE_SECONDS", "Connection", "PatientProtocol"]

KEEP_ALIVE_SECONDS = 75
"""Longer than the sixty seconds after which common load balancers close an idle connection, so they close first."""

HEADER_BYTES = 1 << 16
CONNECTION = "homologate.connection"
"""The ASGI extension under which a handler finds its `Connection`."""


class Connection:
    """What a handler and its connection know of each other.

    Attributes:
        handling: the task that handles.
        left: whether the client went away.
        joining: set by a handler that sends its whole body next: the head waits for it.
    """

    __slots__ = ("handling", "joining", "left")

    def __init__(self) -> None:
        self.handling: asyncio.Task[Any] | None = None
        self.left = self.joining = False


class _Joining:
    """A transport that sends head and body of a short answer in one piece: half the system calls and the wake-ups."""

    __slots__ = ("_connection", "_head", "_transport")

    def __init__(self, transport: asyncio.Transport, connection: Connection) -> None:
        self._transport, self._connection = transport, connection
        self._head = b""

    def write(self, data: bytes) -> None:
        if self._connection.joining:
            self._head, self._connection.joining = data, False
        elif self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        else:
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class PatientProtocol(HttpToolsProtocol):
    """See the module."""

    def __init__(self, *args: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*args, **named)
        self._limits = limits
        self._connection = Connection()
        self._extensions = {CONNECTION: self._connection}
        self._heading, self._header_bytes = False, 0
        self._header_until = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(_Joining(transport, self._connection))  # type: ignore[arg-type]
        if len(self.connections) > self._limits.connections:
            _log.event("connection_refused", level=30, connections=self._limits.connections)
            transport.abort()
            return
        self._header_until = self.loop.time() + self._limits.patience
        self._watch = self.loop.call_at(self._header_until, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._connection.left = True
        if self._connection.handling is not None:
            self._connection.handling.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._heading and not self.transport.is_closing():
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES:
                legal = f"at most {HEADER_BYTES} bytes"
                self._refuse(Problem(431, DataError("the header is too long", place="header", legal=legal), close=True))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._heading, self._header_bytes = True, 0
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]

    def on_headers_complete(self) -> None:
        self._heading = False
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        self._header_until = self.loop.time() + KEEP_ALIVE_SECONDS + self._limits.patience
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """The one error shape for what is no HTTP at all."""
        self._refuse(Problem(400, DataError(msg, place="request"), close=True))

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, problem: Problem) -> None:
        reason = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}[problem.status]
        head = b"".join(b"%s: %s\r\n" % header for header in problem.headers)
        self.transport.write(b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (problem.status, reason, head, problem.body))
        self.transport.close()

    def _look(self) -> None:
        """Close the connection whose header is late; one timer looks again and again, so that requests set none."""
        now = self.loop.time()
        if self._busy():
            self._watch = self.loop.call_at(now + self._limits.patience, self._look)
        elif now < self._header_until:
            self._watch = self.loop.call_at(self._header_until, self._look)
        elif not self.transport.is_closing():
            self.transport.close()
