"""HTTP/1.1 of one connection: uvicorn's, with bounds it has not and word of a client that left.

connections   one beyond the limit is closed at once
header        its bytes and the seconds it may take are bounded (the body's are, where it is read: `_body.py`)
departure     the handler of a request whose client leaves is cancelled, wherever it stands
doors         those of an application that has some are asked without ASGI (`_exchange.py`)
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from homologate.errors import DataError
from serve.http import _log
from serve.http._exchange import Connection, Doors, Exchange
from serve.http._limits import Limits
from serve.http._problem import Problem

__all__ = ["CONNECTION", "KEEP_ALIVE_SECONDS", "PatientProtocol"]

KEEP_ALIVE_SECONDS = 75
"""Longer than the sixty seconds after which common load balancers close an idle connection, so they close first."""

HEADER_BYTES = 1 << 16
CONNECTION = "homologate.connection"
"""The ASGI extension under which a handler finds its `Connection`."""


class PatientProtocol(HttpToolsProtocol):
    """See the module."""

    def __init__(self, *args: Any, limits: Limits, doors: Doors | None, **named: Any) -> None:
        super().__init__(*args, **named)
        self._limits, self._doors = limits, doors
        self._connection = Connection()
        self._extensions = {CONNECTION: self._connection}
        self._heading, self._header_bytes = False, 0
        self._header_until = 0.0
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
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
        self.url, self.headers, self.expect_100_continue = b"", [], False
        self._heading, self._header_bytes = True, 0

    def on_headers_complete(self) -> None:
        self._heading = False
        path = self._door()
        if path is None:
            self._describe()
            super().on_headers_complete()
            return
        client = self.client[0] if self.client else "unknown"
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        exchange = Exchange(path, self.headers, client, self._connection, self, keep_alive=keep_alive)
        free, self.cycle = not self._busy(), exchange  # type: ignore[assignment]
        if free:
            self._start_asgi_task(exchange, self._doors)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((exchange, self._doors))  # type: ignore[arg-type]

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        task = self.loop.create_task(cycle.run_asgi(app))
        if isinstance(cycle, Exchange):
            self._connection.handling = task
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def on_response_complete(self) -> None:
        """As uvicorn, without its timer: `_look` ends idle connections too."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self._header_until = self.loop.time() + KEEP_ALIVE_SECONDS + self._limits.patience
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())

    def send_400_response(self, msg: str) -> None:
        """The one error shape for what is no HTTP at all."""
        self._refuse(Problem(400, DataError(msg, place="request"), close=True))

    def _door(self) -> str | None:
        """The door that is asked for, or None where this is a request like any other."""
        if self._doors is None or self.parser.get_method() != b"POST":
            return None
        path = httptools.parse_url(self.url).path.decode("ascii")
        path = unquote(path) if "%" in path else path
        return path if path in self._doors.paths else None

    def _describe(self) -> None:
        """Describe the request as ASGI does: uvicorn begins with that, but not every request is described."""
        url, header, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers.extend(header)
        self.scope["extensions"] = self._extensions  # type: ignore[typeddict-item]

    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, problem: Problem) -> None:
        reason = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}[problem.status]
        self.transport.write(b"HTTP/1.1 %d %s\r\n%s\r\n%s" % (problem.status, reason, problem.lines, problem.body))
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
