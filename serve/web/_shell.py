"""The shell around every page: by which name and from where a request comes, what every response carries, the log.

Plain ASGI. A write must come from this very origin: the browser says where it was sent from (`Sec-Fetch-Site`, else
`Origin`), and the cookie that makes it worth anything is never sent by another site's page (`SameSite=Strict`).
Programs say nothing of the kind and hold no cookie.
"""

from __future__ import annotations

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homologate.errors import RefusedError
from serve.http import Hosts, Problem, event, problem_of, security_headers

__all__ = ["POLICY", "Shell"]

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEALTH = "/health"
QUIET = (HEALTH, "/style.css", "/web.css", "/web.js")
SAFE = ("GET", "HEAD")


class Shell:
    """See the module.

    Args:
        app: the pages.
        hosts: the names people may call this app by.
        tls: whether people come by https alone.
    """

    def __init__(self, app: ASGIApp, hosts: Hosts, *, tls: bool) -> None:
        self.app, self.hosts = app, hosts
        self._always = security_headers(tls=tls, policy=POLICY, referrer="same-origin")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, request_id, status = time.perf_counter(), secrets.token_hex(16), 0
        scope.setdefault("state", {})["request_id"] = request_id

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                named = (b"x-request-id", request_id.encode())
                message["headers"] = [*message.get("headers", ()), *self._always, named]
            await send(message)

        unforeseen: Exception | None = None
        try:
            headers = Headers(scope=scope)
            if scope["path"] != HEALTH:  # platforms look by addresses of their own, and it tells nothing
                self.hosts.check(headers.get("host", ""))
            if scope["method"] not in SAFE:
                _same_origin(headers)
            await self.app(scope, receive, sending)
        except Exception as error:
            unforeseen = None if isinstance(error, Problem) else error
            if status == 0:
                problem = problem_of(error)
                await sending({"type": "http.response.start", "status": problem.status, "headers": problem.headers})
                await sending({"type": "http.response.body", "body": problem.body})
        finally:
            self._tell(scope, request_id, status, time.perf_counter() - begun, unforeseen)

    def _tell(self, scope: Scope, request_id: str, status: int, seconds: float, error: Exception | None) -> None:
        """One line: the route and never an address that holds a reference, who, how long; never a text."""
        if scope["path"] in QUIET and status < 400:
            return
        route = getattr(scope.get("route"), "path", "other")
        told: dict[str, Any] = {"request_id": request_id, "route": route, "method": scope["method"], "status": status}
        told |= {"ms": round(seconds * 1000, 2), "caller": scope["state"].get("caller")}
        if error is not None:
            told["fault"] = type(error).__name__
        event("request", level=40 if error is not None else 20, **told)


def _same_origin(headers: Headers) -> None:
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        passes = site in {"same-origin", "none"}
    else:
        passes = origin is None or urlsplit(origin).netloc == headers.get("host")
    if not passes:
        raise Problem(
            403,
            RefusedError(
                f"a form from another site ({(origin or site or '')[:100]}) is not accepted",
                place="headers Sec-Fetch-Site, Origin",
                next_command="open the page here and press the button there",
            ),
        )
