"""One text, one verdict: the field, the answer, what somebody says to it, and what they asked lately."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from homologate.errors import DataError
from serve.http import Problem
from serve.web._app import Site
from serve.web._desk import Said
from serve.web._door import MustSignIn, Visitor
from serve.web._form import read_form
from serve.web._sessions import Answered, Session
from serve.web._verdict import Verdict

__all__ = ["hindrance", "routes"]

MOST_NOTE = 2000
MOST_FAMILY = 200
MOST_TYPED = 100_000
"""Characters a field may hold at all; what one text may have is the server's to say."""


def routes(site: Site) -> list[Route]:
    """The pages."""

    async def field(request: Request) -> Response:
        """The one big field, empty or with an earlier text to begin from."""
        visitor = await site.visitor(request)
        earlier = _answered(visitor, request.query_params.get("from", ""))
        example = site.settings.web.example if "example" in request.query_params else ""
        text = earlier.verdict.text if earlier else example
        family = earlier.verdict.family if earlier else ""
        return site.page("field.html", visitor, text=text, family=family)

    async def judge(request: Request) -> Response:
        """Judge; the answer has a page of its own, so that reading it again asks nothing again."""
        form = await read_form(request)
        text, family = form.said("text", MOST_TYPED), form.said("family", MOST_FAMILY)
        try:
            visitor = await site.visitor(request)
        except MustSignIn:
            return _signed_out(site, text, family)
        try:
            _checked(text, visitor)
            slow = form.fields.get("reading") == "slow"
            verdict = await site.server.judge(text, visitor.credential, visitor.about, family=family, slow=slow)
        except Problem as problem:
            if problem.status == 401 and visitor.by_key:
                site.door.sessions.end(request.cookies.get(site.door.cookie, ""))
                return _signed_out(site, text, family)
            return _again(site, visitor, problem, text, family)
        site.desk.judged([verdict], visitor.name)
        session = visitor.session or Session()
        response = RedirectResponse(f"/verdicts/{session.remember(verdict)}", 303)
        if visitor.session is None:
            site.door.keep(session, response)
        return response

    async def answer(request: Request) -> Response:
        """A verdict of this visit."""
        visitor = await site.visitor(request)
        return _shown(site, visitor, request.path_params["reference"], _found(visitor, request))

    async def dispute(request: Request) -> Response:
        """Say what is true about it; a second person reviews that, and nothing is learnt before."""
        form = await read_form(request)
        visitor = await site.visitor(request)
        reference, answered = request.path_params["reference"], _found(visitor, request)
        verdict, note, label = answered.verdict, form.said("note", MOST_NOTE), form.said("label", 200)
        try:
            why = hindrance(site, visitor, verdict)
            if why:
                raise Problem(403, DataError(why))
            if label not in verdict.labels:
                raise Problem(400, DataError("say which it is", place="field label", legal=" or ".join(verdict.labels)))
            said = Said(str(verdict.id), label, component=verdict.family, note=note)
            await site.desk.give(said, visitor.name, visitor.credential)
        except Problem as problem:
            return _shown(site, visitor, reference, answered, problem=_explained(problem), note=note)
        answered.said = label
        return RedirectResponse(f"/verdicts/{reference}#disagree", 303)

    async def recent(request: Request) -> Response:
        """What was asked in this visit, newest first."""
        visitor = await site.visitor(request)
        answers = list(reversed(visitor.session.answers.items())) if visitor.session else []
        return site.page("recent.html", visitor, answers=answers)

    return [
        Route("/", field, methods=["GET"]),
        Route("/", judge, methods=["POST"]),
        Route("/verdicts/{reference}", answer, methods=["GET"]),
        Route("/verdicts/{reference}", dispute, methods=["POST"]),
        Route("/recent", recent, methods=["GET"]),
    ]


def hindrance(site: Site, visitor: Visitor, verdict: Verdict | None = None) -> str | None:
    """Why this person can say nothing about a verdict; None where they can."""
    if verdict is not None and verdict.id is None:
        return (
            "This server gives its answers no id, so nobody can refer to this one later: it cannot be disputed, and it "
            "cannot be traced. `homologate serve` in its place does both."
        )
    if visitor.name is None:
        return (
            "To disagree needs a name, because a second person reviews what you say, and this server asks nobody who "
            "they are. Whoever runs it can change that: homologate key NAME, then homologate serve --api-keys."
        )
    if not site.desk.own and not visitor.about.feedback:
        return "This server keeps no predictions, so it takes no feedback. Tell whoever runs it."
    return None


def _checked(text: str, visitor: Visitor) -> None:
    most = visitor.about.characters
    if not text:
        raise Problem(400, DataError("there is no text to judge", place="the field", legal="a description in words"))
    if most is not None and len(text) > most:
        raise Problem(413, DataError(f"the text has {len(text)} characters", legal=f"at most {most}"))


def _shown(
    site: Site,
    visitor: Visitor,
    reference: str,
    answered: Answered,
    *,
    problem: Problem | None = None,
    note: str = "",
) -> Response:
    return site.page(
        "verdict.html",
        visitor,
        problem.status if problem else 200,
        reference=reference,
        one=answered.verdict,
        said=answered.said,
        hindrance=hindrance(site, visitor, answered.verdict),
        refused=problem,
        note=note,
    )


def _again(site: Site, visitor: Visitor, problem: Problem, text: str, family: str) -> Response:
    """The field with what was typed still in it, and what went wrong."""
    page = site.page("field.html", visitor, problem.status, fault=problem, text=text, family=family)
    if problem.retry_after is not None:
        page.headers["retry-after"] = str(problem.retry_after)
    return page


def _signed_out(site: Site, text: str, family: str) -> Response:
    """A visit that ended while somebody typed: they sign in and go on."""
    return site.page("sign_in.html", None, 401, path="/", text=text, family=family, ended=True)


def _answered(visitor: Visitor, reference: str) -> Answered | None:
    return visitor.session.answers.get(reference) if visitor.session else None


def _found(visitor: Visitor, request: Request) -> Answered:
    found = _answered(visitor, request.path_params["reference"])
    if found is None:
        raise Problem(
            404,
            DataError(
                "this answer is not on your desk any more: only the newest of one visit are kept here",
                next_command="homologate trace ID  # follows any prediction by the id that was on the page",
            ),
        )
    return found


def _explained(problem: Problem) -> Problem:
    """Of a prediction that is not found yet, why that may be."""
    if problem.status != 404:
        return problem
    told = DataError(
        "the record of this answer is not stored yet",
        legal="an answer is on its way to the store for a moment",
        next_command="press the button again in a moment; your note is still there",
    )
    return Problem(404, told)
