"""The reviewers' pages: `/homologate/`, on the same origin and login as the MLflow UI.

Rendered here, readable without a script, refused to every frame, and allowed to load nothing but our one stylesheet.
What a person presses goes to the same desk as the API.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from homologate.errors import DataError, HomologateError, ModelError, UsageError
from homologate.evidence import moment, stylesheet
from registry_promotion.server import _permissions as permissions
from registry_promotion.server._identity import user_or_none, user_required
from registry_promotion.server._origin import check_token, same_origin_required, token
from registry_promotion.server._refusals import status_of
from registry_promotion.sign_off import same_person
from registry_promotion.story import reach_of, rows_of

if TYPE_CHECKING:
    from flask import Blueprint

    from registry_promotion.desk import Desk

__all__ = ["pages"]

PREFIX = "/homologate"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
REPORTS = ("evaluation", "explanation", "parity", "comparison", "model-card", "data-card", "responsible-ai")
"""The pages of a bundle, in the order a reviewer reads them."""

REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'none'"
)
"""A report is a self-contained page made from what was measured: it may style itself and nothing else."""

_TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "jsonl": "text/plain; charset=utf-8"}


def pages(desk: Desk) -> Blueprint:
    """The pages, answered by `desk`."""
    from flask import Blueprint, Response, redirect, render_template, request, url_for

    routes = Blueprint(
        "homologate_pages", __name__, url_prefix=PREFIX, template_folder="templates", static_folder="static"
    )
    routes.add_app_template_filter(moment, "moment")

    def page(template: str, status: int = 200, **values: Any) -> Any:
        made = render_template(
            template,
            user=user_or_none(),
            mlflow=f"{request.script_root}/",
            head=str(desk.gate.head()),
            done=request.args.get("done"),
            **values,
        )
        return Response(made, status=status, mimetype="text/html")

    def route(path: str, *, write: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def declare(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def answer(**named: str) -> Any:
                try:
                    if write:
                        same_origin_required()
                        check_token(user_required("do this"), request.form.get("token", ""))
                    return view(**named)
                except HomologateError as error:
                    missing = not write and isinstance(error, (ModelError, DataError, UsageError))
                    title = "There is no such thing" if missing else "That was not done"
                    return page("gate_fault.html", 404 if missing else status_of(error), title=title, fault=str(error))

            routes.add_url_rule(path, view_func=answer, methods=["POST" if write else "GET"])
            return answer

        return declare

    @routes.after_request
    def strict(response: Response) -> Response:
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        if request.endpoint not in ("homologate_pages.static", "homologate_pages.style"):
            response.headers["Cache-Control"] = "no-store"
        return response

    @route("/style.css")
    def style() -> Any:
        return Response(stylesheet(), mimetype="text/css", headers={"Cache-Control": "max-age=3600"})

    @route("/")
    def queue() -> Any:
        found = [one.facts() for one in desk.requests() if permissions.can("read", one.model)]
        models = [
            {"name": name, "stages": desk.current(name), "unjudged": desk.unjudged(name)}
            for name in desk.models()
            if permissions.can("read", name)
        ]
        waiting = [one for one in found if one["open"]]
        closed = [one for one in found if not one["open"]][:50]
        return page("gate_queue.html", open=waiting, closed=closed, models=models)

    @route("/requests/<request_id>")
    def request_page(request_id: str) -> Any:
        found = desk.find(request_id)
        user = user_or_none()
        permissions.require("read", found.model, user)
        decision = desk.decision(found)
        facts = found.facts()
        form = None
        if user and facts["open"]:
            form = {"token": token(user), "hindrance": _hindrance(user, facts, decision)}
        comparison = decision["comparison"]
        flips = desk.flips(found, decision) if comparison else {}
        return page(
            "gate_request.html",
            request=facts,
            decision=decision,
            form=form,
            reach=reach_of(comparison),
            lost=flips.get("lost", []),
            gained=flips.get("gained", []),
            shown_flips=flips.get("limit", 0),
            drivers=desk.drivers(found, decision),
            reports=REPORTS,
        )

    @route("/requests/<request_id>/answer", write=True)
    def answer(request_id: str) -> Any:
        user = user_required("answer a request")
        permissions.require("read", desk.find(request_id).model, user)
        said, comment = request.form.get("answer", ""), request.form.get("comment", "").strip()
        if said not in ("approve", "reject") or not comment:
            raise UsageError("an answer needs a button and a reason", legal="approve or reject, and text")
        desk.answer(request_id, user, comment, approve=said == "approve")
        told = "Your approval is recorded." if said == "approve" else "Your rejection is recorded."
        return redirect(url_for("homologate_pages.request_page", request_id=request_id, done=told), 303)

    @route("/requests/<request_id>/promote", write=True)
    def promote(request_id: str) -> Any:
        user, found = user_required("promote"), desk.find(request_id)
        permissions.require("update", found.model, user)
        moved = desk.promote(found, user)
        told = f"Version {moved['version']} is in {moved['stage']}."
        return redirect(url_for("homologate_pages.model", model=found.model, done=told), 303)

    @route("/models/<model>")
    def model(model: str) -> Any:
        user = user_or_none()
        if model not in desk.models():
            raise ModelError(f"no model {model!r} under the gate", legal=desk.models() or "none exists yet")
        permissions.require("read", model, user)
        may_ask = user is not None and permissions.can("update", model, user)
        return page(
            "gate_model.html",
            model=model,
            stages=desk.current(model),
            unjudged=desk.unjudged(model),
            drift=[line for line in desk.drift([model]) if line["what"] != "bytes"],
            rows=rows_of(desk.history(model)["rows"]),
            form={"token": token(str(user))} if may_ask else None,
        )

    @route("/models/<model>/requests", write=True)
    def ask(model: str) -> Any:
        user = user_required("ask for a promotion")
        permissions.require("update", model, user)
        asked = {name: request.form.get(name, "").strip() for name in ("version", "stage", "reason")}
        if missing := [name for name, value in asked.items() if not value]:
            raise UsageError(f"the form lacks {', '.join(missing)}")
        made, _ = desk.request(model, asked["version"], asked["stage"], user, asked["reason"])
        return redirect(url_for("homologate_pages.request_page", request_id=made.id), 303)

    @route("/models/<model>/versions/<version>/evidence")
    def verification(model: str, version: str) -> Any:
        permissions.require("read", model, user_or_none())
        return page("gate_verification.html", found=desk.verification(model, version))

    @route("/models/<model>/versions/<version>/evidence/<path:path>")
    def report(model: str, version: str, path: str) -> Any:
        permissions.require("read", model, user_or_none())
        kind = _TYPES.get(path.rpartition(".")[2], "text/plain; charset=utf-8")
        made = Response(desk.gate.evidence_source.file(model, version, path), content_type=kind)
        made.headers["Content-Security-Policy"] = REPORT_POLICY
        return made

    @route("/policies")
    def policies() -> Any:
        return page("gate_policies.html", policies=desk.policies())

    @route("/<path:path>")
    def unknown(path: str) -> Any:
        raise UsageError(f"no page {path!r}", legal="requests, policies, models/MODEL: the links above lead to them")

    return routes


def _hindrance(user: str, request: dict[str, Any], decision: dict[str, Any]) -> str:
    """Why this person cannot answer, said before they try; the gate says it again if they do."""
    if any(same_person(user, author) for author in decision["authors"]):
        return "You made this version, so others must answer."
    if same_person(user, request["requested_by"]):
        return "You asked for this, so others must answer."
    return ""
