"""The shell around everything: who asks, how often, what every response carries, what is told of it afterwards.

Plain ASGI, because a middleware that wraps requests and responses in objects costs more than all of this together.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http import CONNECTION, Connection, Left, Problem, problem_of, security_headers
from serve.server._asked import Asked
from serve.server._judging import DOORS, Reply
from serve.server._recorder import OPEN_PATHS
from serve.server._service import Service

__all__ = ["Guard"]


def _names() -> Iterator[str]:
    """Random ids of 128 bits, the randomness fetched for many at a time: each fetch is a call of the system."""
    while True:
        block = secrets.token_hex(16 * 256)
        yield from (block[at : at + 32] for at in range(0, len(block), 32))


_name = _names().__next__


class Guard:
    """The whole application of one server; see the module.

    Args:
        app: answers whatever is not one of the `DOORS`.
        service: what the doors ask.
    """

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service
        self._always = security_headers(tls=service.tls)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = Asked(scope["method"], scope["path"], scope["headers"], receive, _name())
        connection = scope.get("extensions", {}).get(CONNECTION) or Connection()
        connection.handling = asyncio.current_task()
        started: list[int] = []
        error: Exception | None = None
        try:
            await self._admit(asked, scope)
            door = DOORS.get(asked.path) if asked.method == "POST" else None
            if door is None:
                scope.setdefault("state", {}).update(asked=asked, caller=asked.caller)
                await self.app(scope, receive, self._sender(asked, send, started))
            else:
                await self._send(send, asked, await door(self.service, asked), started, connection)
        except Left:
            started[:] = started or [499]
        except asyncio.CancelledError:
            if not connection.left:
                raise
            started[:] = started or [499]
        except Exception as caught:
            error = caught
            if not started:
                await _send_problem(problem_of(caught), self._sender(asked, send, started))
        finally:
            connection.handling = None
            self.service.recorder.finished(asked, started[0] if started else 0, error)

    async def _admit(self, asked: Asked, scope: Scope) -> None:
        service = self.service
        service.hosts.check(asked.said(b"host"))
        if asked.path in OPEN_PATHS:
            return
        if client := scope.get("client"):
            asked.client = client[0]
        asked.caller = await service.access.caller(asked)
        service.pace.take(asked.caller or asked.client)

    async def _send(self, send: Send, asked: Asked, reply: Reply, started: list[int], connection: Connection) -> None:
        started.append(200)
        named = asked.request_id.encode()
        header = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(reply.body)),
            *reply.model.header,
            (b"x-prediction-id", named),
            *self._always,
            (b"x-request-id", named),
        ]
        connection.joining = True
        await send({"type": "http.response.start", "status": 200, "headers": header})
        await send({"type": "http.response.body", "body": reply.body})

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
