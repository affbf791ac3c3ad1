"""Several texts at once, on one page."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from homologate.errors import DataError, HomologateError
from serve.http import Problem, problem_of
from serve.web._app import Site
from serve.web._door import Visitor
from serve.web._form import FORM_LIMITS, Form, read_form
from serve.web._sessions import Session
from serve.web._several import MOST_ROWS, judge_rows, rows_of_csv, rows_of_lines

__all__ = ["routes"]


def routes(site: Site) -> list[Route]:
    """The page, its answer and its download."""

    async def several(request: Request) -> Response:
        """The field for lines or a file, and the last table of this visit."""
        visitor = await site.visitor(request)
        return _page(site, visitor)

    async def judge(request: Request) -> Response:
        """Judge them in their order."""
        visitor = await site.visitor(request)
        pasted = ""
        try:
            form = await read_form(request)
            pasted = form.said("texts", FORM_LIMITS.body_bytes)
            texts = _texts(site, form)
            table = await judge_rows(site.server, texts, visitor.credential, characters=visitor.about.characters)
        except (Problem, HomologateError) as error:
            return _page(site, visitor, problem_of(error), pasted)
        site.desk.judged(table.verdicts, visitor.name)
        session = visitor.session or Session()
        session.several = table
        response = RedirectResponse("/several#verdicts", 303)
        if visitor.session is None:
            site.door.keep(session, response)
        return response

    async def download(request: Request) -> Response:
        """The last table as a CSV."""
        visitor = await site.visitor(request)
        if visitor.session is None or visitor.session.several is None:
            raise Problem(404, DataError("there is no table in this visit", next_command="judge some texts first"))
        named = {"content-disposition": 'attachment; filename="verdicts.csv"'}
        return Response(visitor.session.several.csv(), media_type="text/csv", headers=named)

    return [
        Route("/several", several, methods=["GET"]),
        Route("/several", judge, methods=["POST"]),
        Route("/several.csv", download, methods=["GET"]),
    ]


def _page(site: Site, visitor: Visitor, problem: Problem | None = None, pasted: str = "") -> Response:
    table = visitor.session.several if visitor.session and problem is None else None
    named = {"column": site.settings.data.columns.text, "most": MOST_ROWS, "kilobytes": FORM_LIMITS.body_bytes >> 10}
    status = problem.status if problem else 200
    return site.page("several.html", visitor, status, fault=problem, pasted=pasted, table=table, **named)


def _texts(site: Site, form: Form) -> list[str]:
    file = form.files.get("file")
    if file is not None and form.fields.get("texts"):
        raise DataError("there are texts in the field and in a file", legal="one of the two at a time")
    return (
        rows_of_lines(form.fields.get("texts", ""))
        if file is None
        else rows_of_csv(file, site.settings.data.columns.text)
    )
