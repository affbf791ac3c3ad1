"""The application: what the pages share, and the pages that belong to no task."""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from homologate.errors import HomologateError, UsageError
from homologate.evidence import highlighted, moment, stylesheet
from homologate.settings import Settings
from serve.http import Hosts, Problem, problem_of
from serve.web._desk import Desk
from serve.web._door import Door, MustSignIn, Visitor
from serve.web._form import read_form
from serve.web._server import ScoringServer
from serve.web._shell import Shell
from serve.web._verdict import Verdict, percent

__all__ = ["Site", "create_app"]

COMMIT_VARIABLE = "HOMOLOGATE_COMMIT"
"""Set by the image; a release asks for it, so as not to take the old container for the new one."""

View = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Site:
    """What every page is made from."""

    server: ScoringServer
    desk: Desk
    door: Door
    settings: Settings

    def page(self, template: str, visitor: Visitor | None, status: int = 200, **values: Any) -> HTMLResponse:
        """One page of HTML."""
        shared: dict[str, Any] = {"site": self.settings.web, "visitor": visitor, "fault": None, "done": None}
        # Where nobody would keep it, nobody is asked for it.
        shared |= {"takes_family": self.desk.own or (visitor is not None and visitor.about.ours)}
        return HTMLResponse(_templates().get_template(template).render(shared | values), status)

    async def visitor(self, request: Request) -> Visitor:
        """Who asks, noted for the log. Raises as `Door.visitor`."""
        visitor = await self.door.visitor(request)
        request.state.caller = visitor.name
        return visitor


def create_app(site: Site, hosts: Hosts, *, tls: bool = False) -> Shell:
    """The application.

    Args:
        site: what the pages are made from.
        hosts: the names people may call it by.
        tls: whether people come by https alone.
    """
    from serve.web import _judging, _labelling, _table

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        site.desk.start()
        yield
        await site.desk.stop()
        await site.server.close()

    routes = [*_judging.routes(site), *_table.routes(site), *_labelling.routes(site), *_own_routes(site)]
    handlers: dict[Any, Any] = {
        kind: functools.partial(_fault, site) for kind in (Problem, HomologateError, HTTPException, Exception)
    }
    app = Starlette(routes=routes, lifespan=life, exception_handlers=handlers | {MustSignIn: _to_sign_in})
    return Shell(app, hosts, tls=tls)


def _own_routes(site: Site) -> list[Route]:
    async def sign_in_page(request: Request) -> Response:
        """The form for a key."""
        return site.page(
            "sign_in.html", None, path=_own_path(request.query_params.get("next", "/")), text="", family=""
        )

    async def sign_in(request: Request) -> Response:
        """Sign in; a text that was typed before the session ended is in the field again."""
        form = await read_form(request)
        text, family = form.said("text", 100_000), form.said("family", 200)
        path = _own_path(form.said("next", 2000) or "/")
        response: Response = RedirectResponse(path, 303)
        before = request.cookies.get(site.door.cookie, "")
        try:
            await site.door.sign_in(form.said("key", 1000), response, before)
        except Problem as problem:
            named = {"path": path, "text": text, "family": family}
            return site.page("sign_in.html", None, problem.status, fault=problem, **named)
        if not text:
            return response
        kept = site.page("kept.html", None, text=text, family=family)
        kept.raw_headers.extend(pair for pair in response.raw_headers if pair[0] == b"set-cookie")
        return kept

    async def sign_out(request: Request) -> Response:
        """Forget the key and all that was asked with it."""
        response = RedirectResponse("/", 303)
        site.door.sign_out(request, response)
        return response

    async def health(_: Request) -> Response:
        """Whether the app takes requests, whether the scoring server answers, and of which commit the image is."""
        told = {"status": "ready", "server": "answers" if await site.server.answers() else "away"}
        return JSONResponse(told | ({"commit": commit} if (commit := os.environ.get(COMMIT_VARIABLE)) else {}))

    return [
        Route("/sign-in", sign_in_page, methods=["GET"]),
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route("/health", health),
        *(Route(path, _file(content, kind)) for path, content, kind in _files()),
    ]


def _files() -> list[tuple[str, str, str]]:
    static = files("serve.web").joinpath("static")
    own = {name: static.joinpath(name).read_text(encoding="utf-8") for name in ("web.css", "web.js")}
    return [
        ("/style.css", stylesheet(), "text/css"),
        ("/web.css", own["web.css"], "text/css"),
        ("/web.js", own["web.js"], "text/javascript"),
    ]


def _file(content: str, kind: str) -> View:
    async def file(_: Request) -> Response:
        return Response(content, media_type=kind)

    return file


async def _to_sign_in(request: Request, _: Exception) -> Response:
    if request.method in {"GET", "HEAD"}:
        return RedirectResponse(f"/sign-in?next={request.url.path}", 303)
    return RedirectResponse("/sign-in", 303)


async def _fault(site: Site, request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        told = UsageError(f"there is no page {request.url.path!r:.100}" if error.status_code == 404 else error.detail)
        problem = Problem(error.status_code, told)
    else:
        problem = problem_of(error)
    if "text/html" not in request.headers.get("accept", "text/html"):
        headers = {name.decode(): value.decode() for name, value in problem.headers}
        return Response(problem.body, problem.status, headers)
    page = site.page("fault.html", None, problem.status, fault=problem)
    if problem.retry_after is not None:
        page.headers["retry-after"] = str(problem.retry_after)
    return page


def _own_path(path: str) -> str:
    """A path of this app and of no other site."""
    return path if path.startswith("/") and path[1:2] not in {"/", "\\"} and path.isascii() else "/"


def _marked(verdict: Verdict) -> Markup:
    words = [(word.start, word.end, word.share) for word in verdict.words]
    return Markup(highlighted(verdict.text, words))  # noqa: S704 (escaped piece by piece)


@functools.cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("serve.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "percent": percent,
        "moment": moment,
        "marked": _marked,
    }
    return made
