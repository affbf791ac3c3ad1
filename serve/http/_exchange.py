"""One question to a door, and its reply as the bytes that leave: what a scoring server does all day, without ASGI.

uvicorn speaks ASGI to every application: two messages a reply, each of its header lines checked by two patterns. Beside
an answer of a few milliseconds, which clears the processor's caches of all this code, that is a fiftieth. A door is
asked and replies directly, in one piece; uvicorn still parses, holds back what is pipelined and ends the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any, NamedTuple, Protocol

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

__all__ = ["Connection", "Doors", "Exchange", "Reply"]


class Connection:
    """What a handler and its connection know of each other.

    Attributes:
        handling: the task that handles, or the last that did.
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


class Exchange:
    """A question and its reply, in the place of uvicorn's own cycle.

    Attributes:
        path: the door.
        header: names in lower case.
        client: the address it came from.
        connection: its connection.
    """

    def __init__(
        self,
        path: str,
        header: list[tuple[bytes, bytes]],
        client: str,
        connection: Connection,
        protocol: HttpToolsProtocol,
        *,
        keep_alive: bool,
    ) -> None:
        self.path, self.header, self.client, self.connection = path, header, client, connection
        self._protocol, self._expected = protocol, protocol.expect_100_continue
        # What the protocol asks of a cycle, and tells it:
        self.keep_alive, self.message_event = keep_alive, asyncio.Event()
        self.body, self.more_body = bytearray(), True
        self.disconnected = self.response_complete = False

    def take_whole(self) -> bytes | None:
        """The body, once, where it came in one piece with the header, as short ones do; else it is to be received."""
        if self.more_body:
            return None
        whole, self.body = bytes(self.body), bytearray()
        return whole

    async def receive(self) -> dict[str, Any]:
        """The next piece of the body, as ASGI tells it."""
        if self._expected:
            self._protocol.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._expected = False
        self._protocol.flow.resume_reading()
        await self.message_event.wait()
        self.message_event.clear()
        if self.disconnected:
            return {"type": "http.disconnect"}
        piece, self.body = bytes(self.body), bytearray()
        return {"type": "http.request", "body": piece, "more_body": self.more_body}

    async def run_asgi(self, app: Any) -> None:
        """Let the doors, `app`, answer, and send it. The name is uvicorn's."""
        protocol = self._protocol
        protocol.flow.resume_reading()  # or a client that leaves is not seen to leave
        try:
            reply: Reply | None = await app.answer(self)
        except Exception as error:
            protocol.logger.error("a door failed", exc_info=error)
            protocol.transport.close()
            return
        if reply is None or self.disconnected:
            return
        if protocol.flow.write_paused:
            await protocol.flow.drain()
        self.keep_alive &= not reply.close
        ending = b"" if self.keep_alive or reply.close else b"connection: close\r\n"
        always = [b"%s: %s\r\n" % field for field in protocol.server_state.default_headers]
        protocol.transport.write(
            b"".join([STATUS_LINE[reply.status], *always, ending, reply.header, b"\r\n", reply.body])
        )
        self.response_complete = True
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_response_complete()
