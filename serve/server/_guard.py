"""The shell around the application: who asks, how often, what every response carries, what is logged and counted.

Plain ASGI, because a middleware that wraps requests and responses in objects costs more than all of this together.
"""

from __future__ import annotations

import logging
import secrets
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homologate.errors import RefusedError
from serve.server._problem import Left, Problem, problem_of
from serve.server._service import Service

__all__ = ["OPEN_PATHS", "ROUTES", "Guard"]

OPEN_PATHS = frozenset({"/ping", "/health", "/version", "/openapi.json"})
"""What a load balancer or a developer may read without a credential."""

ROUTES = OPEN_PATHS | {"/invocations", "/v1/score", "/metrics"}
"""Every path there is; all others are counted as one, so that a scanner cannot fill the metrics."""

_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]
_TLS_ONLY = (b"strict-transport-security", b"max-age=31536000")


class Guard:
    """ASGI middleware; see the module."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service
        self._always = [*_SECURITY, *([_TLS_ONLY] if service.tls else [])]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id = secrets.token_hex(16)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        state["came_at"] = time.time()
        status, started = 0, False

        async def sending(message: Message) -> None:
            nonlocal status, started
            if message["type"] == "http.response.start":
                status, started = message["status"], True
                named = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", ()), *self._always, named]
            await send(message)

        error: Exception | None = None
        try:
            await self._admit(scope, state)
            await self.app(scope, receive, sending)
        except Left:
            status = 499
            self.service.metrics.left.inc()
        except Exception as caught:
            error = caught
            if not started:
                await _send_problem(problem_of(caught), sending)
        finally:
            self._record(scope, state, status, time.perf_counter() - begun, error)

    async def _admit(self, scope: Scope, state: dict[str, object]) -> None:
        headers = Headers(scope=scope)
        if self.service.hosts is not None:
            host = headers.get("host", "")
            if _host_name(host) not in self.service.hosts:
                legal = sorted(self.service.hosts)
                raise Problem(421, RefusedError(f"this server is not {host!r:.100}", place="header Host", legal=legal))
        if scope["path"] in OPEN_PATHS:
            return
        name = await self.service.access.caller(headers)
        client = scope.get("client")
        state["caller"] = name
        self.service.pace.take(name or (client[0] if client else "unknown"))

    def _record(
        self, scope: Scope, state: dict[str, object], status: int, seconds: float, error: Exception | None
    ) -> None:
        route = scope["path"] if scope["path"] in ROUTES else "other"
        self.service.metrics.requests.labels(route, str(status)).inc()
        self.service.metrics.seconds.labels(route).observe(seconds)
        if route in OPEN_PATHS and status < 400:
            return  # probes come every few seconds for ever; they are counted, not told
        unforeseen = status >= 500 and error is not None and not isinstance(error, Problem)
        logging.getLogger("homologate.serve").log(
            logging.ERROR if unforeseen else logging.INFO,
            "request",
            exc_info=error if unforeseen else None,
            extra={
                "facts": {
                    "request_id": state["request_id"],
                    "route": route,
                    "method": scope["method"],
                    "status": status,
                    "ms": round(seconds * 1000, 2),
                    "caller": state.get("caller"),
                    **_told(state),
                    **({"fault": type(getattr(error, "error", error)).__name__} if error is not None else {}),
                }
            },
        )


def _told(state: dict[str, object]) -> dict[str, object]:
    """What the handler noted about the prediction."""
    noted = state.get("prediction")
    return dict(noted) if isinstance(noted, dict) else {}


async def _send_problem(problem: Problem, send: Send) -> None:
    await send({"type": "http.response.start", "status": problem.status, "headers": problem.headers})
    await send({"type": "http.response.body", "body": problem.body})


def _host_name(host: str) -> str:
    """`[::1]:5000` → `[::1]`, `localhost:5000` → `localhost`."""
    return (host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]).lower()
