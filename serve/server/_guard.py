"""The shell around everything: who asks, how often, what every response carries, what is told of it afterwards.

Questions to the doors come in by `answer`, as bytes and without ASGI; all other requests go on to FastAPI.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterator
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http import (
    CONNECTION,
    Connection,
    Exchange,
    Left,
    Problem,
    Reply,
    header_lines,
    problem_of,
    security_headers,
)
from serve.server._asked import Asked
from serve.server._judging import DOORS
from serve.server._recorder import OPEN_PATHS
from serve.server._service import Service

__all__ = ["Guard"]


def _names() -> Iterator[str]:
    """Random ids of 128 bits, the randomness fetched for many at a time: each fetch is a call of the system."""
    while True:
        block = secrets.token_hex(16 * 256)
        yield from (block[at : at + 32] for at in range(0, len(block), 32))


_name = _names().__next__

_JUDGED = b"content-type: application/json\r\ncontent-length: %d\r\n%sx-prediction-id: %s\r\n%sx-request-id: %s\r\n"
"""The header of an answer: bytes of its body, which model, its id, what is always said, its id again."""


class Guard:
    """The whole application of one server; see the module.

    Args:
        app: answers whatever is not one of the `DOORS`.
        service: what the doors ask.

    Attributes:
        paths: the doors, as `serve.http.Doors` wants them.
    """

    paths: Collection[str] = DOORS.keys()

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service
        self._always = security_headers(tls=service.tls)
        self._lines = header_lines(self._always)

    async def answer(self, exchange: Exchange) -> Reply | None:
        """Answer a question to one of the doors; None where the client is gone."""
        receive, whole = exchange.receive, exchange.take_whole()
        asked = Asked("POST", exchange.path, exchange.header, receive, _name(), whole)
        del whole  # the traceback of a fault would keep it
        finished = self.service.recorder.finished
        try:
            await self._admit(asked, exchange.client)
            judged = await DOORS[asked.path](self.service, asked)
        except Left:
            finished(asked, 499, None)
            return None
        except asyncio.CancelledError:
            finished(asked, 499 if exchange.connection.left else 0, None)
            if not exchange.connection.left:
                raise
            return None
        except Exception as error:
            reply = self._refusal(asked, error)
            finished(asked, reply.status, error)
            return reply
        named = asked.request_id.encode()
        finished(asked, 200, None)
        about = _JUDGED % (len(judged.body), judged.model.header, named, self._lines, named)
        return Reply(200, about, judged.body)

    def _refusal(self, asked: Asked, error: Exception) -> Reply:
        problem = problem_of(error)
        about = b"%s%sx-request-id: %s\r\n" % (problem.lines, self._lines, asked.request_id.encode())
        return Reply(problem.status, about, problem.body, problem.close)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer any other request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = Asked(scope["method"], scope["path"], scope["headers"], receive, _name())
        connection = scope.get("extensions", {}).get(CONNECTION) or Connection()
        connection.handling = asyncio.current_task()
        started: list[int] = []
        error: Exception | None = None
        sending = self._sender(asked, send, started)
        try:
            client = scope.get("client")
            await self._admit(asked, client[0] if client else "unknown")
            scope.setdefault("state", {}).update(asked=asked, caller=asked.caller)
            await self.app(scope, receive, sending)
        except Left:
            started[:] = started or [499]
        except asyncio.CancelledError:
            if not connection.left:
                raise
            started[:] = started or [499]
        except Exception as caught:
            error = caught
            if not started:
                await _send_problem(problem_of(caught), sending)
        finally:
            self.service.recorder.finished(asked, started[0] if started else 0, error)

    async def _admit(self, asked: Asked, client: str) -> None:
        service = self.service
        service.hosts.check(asked.said(b"host"))
        if asked.path in OPEN_PATHS:
            return
        asked.client = client
        asked.caller = await service.access.caller(asked)
        service.pace.take(asked.caller or asked.client)

    def _sender(self, asked: Asked, send: Send, started: list[int]) -> Callable[[Message], Any]:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                started.append(message["status"])
                named = (b"x-request-id", asked.request_id.encode())
                message["headers"] = [*message.get("headers", ()), *self._always, named]
            await send(message)

        return sending


async def _send_problem(problem: Problem, send: Send) -> None:
    await send({"type": "http.response.start", "status": problem.status, "headers": problem.headers})
    await send({"type": "http.response.body", "body": problem.body})
