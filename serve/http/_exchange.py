"""One question to a door, and its reply as the bytes that leave: what a scoring server does all day, without ASGI.

uvicorn speaks ASGI to every application: two messages a reply, each of its header lines checked by two patterns. Beside
an answer of a few milliseconds, which clears the processor's caches of all this code, that is a fiftieth. A door is
asked and replies directly, in one piece; uvicorn still parses, holds back what is pipelined and ends the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, NamedTuple, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

__all__ = ["Connection", "Doors", "Exchange", "Reply"]


class Connection:
    """What a handler and its connection know of each other.

    Attributes:
        handling: the task that handles.
        left: whether the client went away.
    """

    __slots__ = ("handling", "left")

    def __init__(self) -> None:
        self.handling: asyncio.Task[Any] | None = None
        self.left = False


class Reply(NamedTuple):
    """What leaves: the status, whole lines of header, the body, and whether the connection ends with it."""

    status: int
    header: bytes
    body: bytes
    close: bool = False


class Doors(Protocol):
    """Who answers without ASGI.

    Attributes:
        paths: the doors, each asked by POST.
    """

    paths: Collection[str]

    async def answer(self, exchange: Exchange) -> Reply | None:
        """The reply, or None where the client is gone. Must not raise."""


class Exchange(RequestResponseCycle):
    """A question and its reply, in the place of uvicorn's own cycle.

    Attributes:
        path: the door.
        client: the address it came from.
        connection: its connection.
    """

    def __init__(self, path: str, connection: Connection, client: str, **named: Any) -> None:
        super().__init__(**named)
        self.path, self.connection, self.client = path, connection, client

    def take_whole(self) -> bytes | None:
        """The body, once, where it came in one piece with the header, as short ones do; else it is to be received."""
        if self.more_body:
            return None
        whole, self.body = bytes(self.body), bytearray()
        return whole

    async def run_asgi(self, app: Any) -> None:
        """Let the doors, `app`, answer, and send it."""
        self.flow.resume_reading()  # or a client that leaves is not seen to leave
        self.connection.handling = asyncio.current_task()
        try:
            reply: Reply | None = await app.answer(self)
        except Exception as error:
            self.logger.error("a door failed", exc_info=error)
            self.transport.close()
            return
        finally:
            self.connection.handling = None
        if reply is None or self.disconnected:
            return
        self.response_started = True
        await self._write(reply)
        self.response_complete = True
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    async def _write(self, reply: Reply) -> None:
        if self.flow.write_paused:
            await self.flow.drain()
        lines = [b"%s: %s\r\n" % line for line in self.default_headers]
        if reply.close:
            self.keep_alive = False
        elif not self.keep_alive:
            lines.append(b"connection: close\r\n")
        self.transport.write(b"".join([STATUS_LINE[reply.status], *lines, reply.header, b"\r\n", reply.body]))
