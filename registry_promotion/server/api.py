"""The gate over HTTP, for the command line and other programs: `/homologate/api/…`, on MLflow's own login.

    GET  health                                  the gate is here, and who you are
    GET  requests?model=&state=                  requests, newest first
    POST requests                                {model, version, stage, reason}: ask; every rule is answered at once
    GET  requests/ID                             one request and its decision: now, or as recorded once it is closed
    POST requests/ID/approve                     {comment}
    POST requests/ID/reject                      {comment}
    POST requests/ID/promote                     make the move the request asks for
    GET  models/MODEL/current                    what stands in each stage, since when, by whom
    GET  models/MODEL/history?at=DATE            what happened, or what stood where on a day
    POST models/MODEL/rollback                   {reason}
    POST models/MODEL/break-glass                {version, stage, reason}
    GET  models/MODEL/versions/V/evidence        every check of the bundle
    GET  models/MODEL/versions/V/trace           everything it rests on and all that happened to it
    GET  digests/DIGEST                          the versions with these bytes
    GET  drift                                   stages, aliases and bytes that disagree with the ledger
    GET  policies                                what each stage demands, in sentences
    GET  ledger/head · GET ledger/export         for publication and offline verification

Writes must be `application/json`, which no form of another site can send, and must not come from another origin.
Errors have MLflow's shape (`error_code`, `message`) and ours (`error`) in one body.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from homologate.errors import DataError, HomologateError, UsageError
from registry_promotion.server import _permissions as permissions
from registry_promotion.server._identity import user_or_none, user_required
from registry_promotion.server._origin import same_origin_required
from registry_promotion.server._refusals import as_mlflow, status_of

if TYPE_CHECKING:
    from flask import Blueprint

    from registry_promotion.desk import Desk

__all__ = ["PREFIX", "api"]

PREFIX = "/homologate/api"


def api(desk: Desk) -> Blueprint:
    """The routes above, answered by `desk`."""
    from flask import Blueprint, Response, request

    routes = Blueprint("homologate_api", __name__, url_prefix=PREFIX)

    known: list[str] = []

    def route(path: str, *, write: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def declare(view: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(view)
            def answer(**named: str) -> Any:
                try:
                    if write:
                        same_origin_required()
                    return view(**named)
                except HomologateError as error:
                    told = as_mlflow(error)
                    body = {"error_code": told.error_code, "message": told.message, **error.as_json()}
                    return body, status_of(error)

            method = "POST" if write else "GET"
            routes.add_url_rule(path, view_func=answer, methods=[method])
            known.append(f"{method} {path}")
            return answer

        return declare

    @route("/health")
    def health() -> Any:
        return {"gate": "closed to what it has not judged", "user": user_or_none(), "models": list(desk.mover.models)}

    @route("/requests")
    def list_requests() -> Any:
        found = desk.requests(model=request.args.get("model"), state=request.args.get("state"))
        return {"requests": [one.facts() for one in found if permissions.can("read", one.model)]}

    @route("/requests", write=True)
    def make_request() -> Any:
        asked = _body("model", "version", "stage", "reason")
        user = user_required("ask for a promotion")
        permissions.require("update", asked["model"], user)
        made, decision = desk.request(asked["model"], asked["version"], asked["stage"], user, asked["reason"])
        return {"request": made.facts(), "decision": decision.facts(), "address": desk.address(made)}, 201

    @route("/requests/<request_id>")
    def show_request(request_id: str) -> Any:
        found = desk.find(request_id)
        permissions.require("read", found.model, user_or_none())
        return {
            "request": found.facts(),
            "decision": desk.decision(found),
            "address": desk.address(found),
        }

    @route("/requests/<request_id>/approve", write=True)
    def approve(request_id: str) -> Any:
        user = user_required("approve")
        permissions.require("read", desk.find(request_id).model, user)
        return {"request": desk.answer(request_id, user, _body("comment")["comment"], approve=True).facts()}

    @route("/requests/<request_id>/reject", write=True)
    def reject(request_id: str) -> Any:
        user = user_required("reject")
        permissions.require("read", desk.find(request_id).model, user)
        return {"request": desk.answer(request_id, user, _body("comment")["comment"], approve=False).facts()}

    @route("/requests/<request_id>/promote", write=True)
    def promote(request_id: str) -> Any:
        user = user_required("promote")
        found = desk.find(request_id)
        permissions.require("update", found.model, user)
        return {"moved": desk.promote(found, user)}

    @route("/models/<model>/current")
    def current(model: str) -> Any:
        permissions.require("read", model, user_or_none())
        return {"model": model, "stages": desk.current(model)}

    @route("/models/<model>/history")
    def history(model: str) -> Any:
        permissions.require("read", model, user_or_none())
        at = request.args.get("at")
        return {"model": model, "at": at, "stages": desk.current(model, at)} if at else desk.history(model)

    @route("/models/<model>/rollback", write=True)
    def rollback(model: str) -> Any:
        user = user_required("roll back")
        permissions.require("update", model, user)
        return {"moved": desk.rollback(model, user, _body("reason")["reason"])}

    @route("/models/<model>/break-glass", write=True)
    def break_glass(model: str) -> Any:
        user = user_required("break the glass")
        asked = _body("version", "stage", "reason")
        return {"moved": desk.break_glass(model, asked["version"], asked["stage"], user, asked["reason"])}

    @route("/models/<model>/versions/<version>/evidence")
    def evidence(model: str, version: str) -> Any:
        permissions.require("read", model, user_or_none())
        return desk.verification(model, version)

    @route("/models/<model>/versions/<version>/trace")
    def trace(model: str, version: str) -> Any:
        permissions.require("read", model, user_or_none())
        return desk.trace(model, version)

    @route("/digests/<digest>")
    def digests(digest: str) -> Any:
        return {"versions": [one for one in desk.versions_of(digest) if permissions.can("read", one["model"])]}

    @route("/drift")
    def drift() -> Any:
        return {"drift": [line for line in desk.drift() if permissions.can("read", line["model"])]}

    @route("/policies")
    def policies() -> Any:
        return {"policies": desk.policies()}

    @route("/ledger/head")
    def head() -> Any:
        return desk.head()

    @route("/ledger/export")
    def export() -> Any:
        permissions.require_admin(desk.settings, user_required("export the ledger"))
        return Response(
            desk.export(),
            mimetype="application/x-ndjson",
            headers={"Content-Disposition": 'attachment; filename="ledger.jsonl"'},
        )

    @routes.route("/<path:path>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def unknown(path: str) -> Any:
        fault = UsageError(
            f"{request.method} {path} is nothing this gate answers",
            place=PREFIX,
            legal=known,
        )
        return {"error_code": "ENDPOINT_NOT_FOUND", "message": str(fault), **fault.as_json()}, 404

    return routes


def _body(*fields: str) -> dict[str, str]:
    """The JSON body, with exactly these text fields.

    Raises:
        UsageError: another content type, not JSON, a key given twice, or other fields than these.
    """
    from flask import request

    from homologate.attest import strict_json

    wanted = f"a JSON object of {', '.join(fields)}, each once"
    if request.mimetype != "application/json":
        raise UsageError(f"content type {request.mimetype!r}", legal="application/json", place="Content-Type")
    try:
        found = strict_json(request.get_data(), "request body")
    except DataError as error:
        raise UsageError(error.problem, place="request body", legal=wanted) from error
    if not isinstance(found, dict) or set(found) != set(fields):
        given = ", ".join(sorted(found)) if isinstance(found, dict) else type(found).__name__
        raise UsageError(f"the body has {given or 'nothing'}", place="request body", legal=wanted)
    for name, value in found.items():
        if not isinstance(value, str) or not value.strip():
            raise UsageError(f"{name} = {value!r}", place="request body", legal="text that is not empty")
    return {name: str(value).strip() for name, value in found.items()}
