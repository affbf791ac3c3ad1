"""The queue: texts on which a label teaches most, each with two buttons."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from homologate.errors import DataError
from serve.http import Problem
from serve.web._app import Site
from serve.web._desk import Queue, Said
from serve.web._door import Visitor
from serve.web._form import read_form
from serve.web._judging import hindrance

__all__ = ["reasons", "routes"]

SHOWN = 12
UNSURE, NOVEL = 0.5, 0.05
"""From where a text is said to be one the version is unsure of, or one with new words."""


def routes(site: Site) -> list[Route]:
    """The page and its buttons."""

    async def queue(request: Request) -> Response:
        """What to label next."""
        return await _page(site, await site.visitor(request), done=request.query_params.get("done"))

    async def label(request: Request) -> Response:
        """Say what one text truly is.

        It is recorded as a correction, not as a label of the performance: texts picked because the version is unsure
        of them say nothing about how often it is right.
        """
        form = await read_form(request)
        visitor = await site.visitor(request)
        given = form.said("label", 200)
        try:
            if why := hindrance(site, visitor):
                raise Problem(403, DataError(why))
            if given not in site.settings.data.labels.words:
                legal = " or ".join(site.settings.data.labels.words)
                raise Problem(400, DataError("say which it is", place="field label", legal=legal))
            said = Said(form.said("prediction_id", 200), given, note=form.said("note", 2000))
            await site.desk.give(said, visitor.name, visitor.credential)
        except Problem as problem:
            return await _page(site, visitor, problem=problem)
        return RedirectResponse("/queue?done=1", 303)

    return [Route("/queue", queue, methods=["GET"]), Route("/queue", label, methods=["POST"])]


async def _page(site: Site, visitor: Visitor, *, done: str | None = None, problem: Problem | None = None) -> Response:
    why, found = hindrance(site, visitor), Queue([])
    if why is None:
        try:
            found = await site.desk.queue(SHOWN, visitor.name, visitor.credential)
        except Problem as other:
            problem = problem or other
    items = [(item, reasons(item)) for item in found.items]
    told = "Recorded. A second person reviews it; nothing is learnt before." if done else None
    named = {"items": items, "note": found.note, "hindrance": why, "labels": site.settings.data.labels.words}
    return site.page("queue.html", visitor, problem.status if problem else 200, fault=problem, done=told, **named)


def reasons(item: dict[str, Any]) -> list[str]:
    """Why a text stands in the queue, in words."""
    found = []
    if item["disagrees"]:
        found.append("two versions disagree on it")
    if item["uncertain"] >= UNSURE:
        found.append("the version is unsure of it")
    if item["novel"] >= NOVEL:
        found.append(f"{item['novel']:.0%} of its words are new to the version".replace("%", " %"))
    return found or ["asked about and never labelled"]
