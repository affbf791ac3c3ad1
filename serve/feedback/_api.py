"""`POST /v1/feedback` and `POST /v1/feedback/{id}/review`, for callers the server knows by name."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import JSONResponse

from homologate.collection import Remark
from homologate.errors import DataError
from homologate.scorer.collector import MOST_COMPONENT
from homologate.settings import Settings
from serve.feedback._desk import decide, give
from serve.http import Problem, read_body

if TYPE_CHECKING:
    from serve.server import Service

__all__ = ["add_feedback"]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Given(_Strict):
    """What is true about one prediction."""

    prediction_id: str = Field(min_length=1, max_length=200)
    label: str = Field(min_length=1, max_length=200)
    kind: Literal["correction", "label"] = "correction"
    component: str = Field("", max_length=MOST_COMPONENT)
    note: str = Field("", max_length=2000)


class Decided(_Strict):
    """A reviewer's decision."""

    accepted: bool


def add_feedback(app: FastAPI, service: Service, settings: Settings) -> None:
    """Add the two routes to a server's application."""

    @app.post("/v1/feedback", status_code=201)
    async def feedback(request: Request) -> JSONResponse:
        """Say what is true about a prediction. It trains nothing until another person has accepted it."""
        given = await _body(request, service, Given)
        remark = Remark(**given.model_dump())
        try:
            (identity,) = await asyncio.to_thread(give, settings, [remark], by=request.state.caller)
        except DataError as error:
            raise Problem(404 if error.problem.startswith("no prediction") else 400, error) from error
        return JSONResponse({"feedback_id": identity, "review": None}, 201)

    @app.post("/v1/feedback/{feedback_id}/review")
    async def review(feedback_id: str, request: Request) -> JSONResponse:
        """Accept or reject what somebody else said."""
        asked = await _body(request, service, Decided)
        try:
            decision = await asyncio.to_thread(
                decide, settings, feedback_id, accepted=asked.accepted, by=request.state.caller
            )
        except DataError as error:
            raise Problem(404, error) from error
        return JSONResponse(decision)


async def _body(request: Request, service: Service, kind: type[Any]) -> Any:
    body = await read_body(request.state.asked, service.limits)
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = f"field {'.'.join(map(str, first['loc'])) or 'body'}"
        raise DataError(first["msg"], place=place, legal=", ".join(kind.model_fields)) from None
