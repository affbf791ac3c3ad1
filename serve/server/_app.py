"""The routes: MLflow's scoring protocol, `/v1/score`, and the pages that say how the server is."""

from __future__ import annotations

import asyncio
import importlib.metadata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from homologate.errors import HomologateError, UsageError
from homologate.scorer.collector import MOST_COMPONENT
from serve.http import Problem, problem_of
from serve.server._guard import Guard
from serve.server._judging import invocations, score
from serve.server._metrics import CONTENT_TYPE
from serve.server._schemas import TEXT, ErrorBody, InvocationResponse, ScoreRequest, ScoreResponse
from serve.server._service import Service
from serve.server._wire import JSON

__all__ = ["create_app"]

_ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorBody, "description": "the question cannot be read or judged"},
    401: {"model": ErrorBody, "description": "no credential, or none that is accepted here"},
    408: {"model": ErrorBody, "description": "the body came too slowly"},
    413: {"model": ErrorBody, "description": "a limit was passed; the error names it"},
    415: {"model": ErrorBody, "description": "a media type or encoding this server does not read"},
    429: {"model": ErrorBody, "description": "too many questions; Retry-After says when to come back"},
    503: {"model": ErrorBody, "description": "no thread was free before the deadline, or the server is leaving"},
    504: {"model": ErrorBody, "description": "the answer was not ready before the deadline"},
}
_TEXT = {"type": "string", "minLength": 1}
_FAMILY = {"type": "string", "maxLength": MOST_COMPONENT}
_PARAMS = {
    "type": "object",
    "properties": {"explain": {"type": "boolean"}, "precision": {"type": "string"}, "component": _FAMILY},
    "additionalProperties": False,
}
_ROWS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["text"],
        "properties": {"text": _TEXT, "component": {**_FAMILY, "type": ["string", "null"]}},
    },
}
_TEXTS = {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "items": _TEXT}, _ROWS]}
_FORMS = {
    "inputs": _TEXTS,
    "instances": _TEXTS,
    "dataframe_records": _ROWS,
    "dataframe_split": {
        "type": "object",
        "required": ["columns", "data"],
        "properties": {
            "columns": {"type": "array", "items": {"type": "string"}, "contains": {"const": "text"}},
            "data": {"type": "array", "minItems": 1, "items": {"type": "array"}},
        },
    },
}
_INVOCATION = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {
                    "type": "object",
                    "properties": {"params": _PARAMS},
                    "oneOf": [{"required": [form], "properties": {form: shape}} for form, shape in _FORMS.items()],
                },
                "examples": {
                    "inputs": {"value": {"inputs": [TEXT]}},
                    "dataframe_split": {"value": {"dataframe_split": {"columns": ["text"], "data": [[TEXT]]}}},
                    "dataframe_records": {"value": {"dataframe_records": [{"text": TEXT, "component": "hose"}]}},
                    "instances": {"value": {"instances": [{"text": TEXT}]}},
                    "with the words that decided": {"value": {"inputs": [TEXT], "params": {"explain": True}}},
                },
            },
            "text/csv": {"schema": {"type": "string"}, "example": f'text\n"{TEXT}"\n'},
        },
    }
}
_SCORE = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": ScoreRequest.model_json_schema(), "example": {"text": TEXT, "explain": True}}},
    }
}


def create_app(service: Service) -> Guard:
    """The application of one server: the doors that judge, for `serve.http.run` to ask, and FastAPI for all else."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.pool.start()
        service.metrics.serves(service.model)
        if service.collector is not None:
            service.collector.start()
        beside = asyncio.create_task(service.challenger.run()) if service.challenger else None
        yield
        if beside is not None:
            beside.cancel()
        await service.pool.stop()
        if service.collector is not None:
            await service.collector.stop()
        service.recorder.flush()

    app = FastAPI(
        title="Homologate",
        version=importlib.metadata.version("homologate"),
        summary="Is this component compliant, which words decided it, and which version says so.",
        docs_url=None,  # the pages of FastAPI load their scripts from the internet
        redoc_url=None,
        lifespan=life,
    )
    app.add_exception_handler(HTTPException, _no_such_route)
    for kind in (Problem, HomologateError, Exception):
        app.add_exception_handler(kind, _problem)
    _describe(app, "/v1/score", score, openapi_extra=_SCORE, response_model=ScoreResponse)
    _describe(app, "/invocations", invocations, openapi_extra=_INVOCATION, response_model=InvocationResponse)
    _add_status_pages(app, service)
    for add in service.pages:
        add(app, service)
    return Guard(app, service)


def _describe(app: FastAPI, path: str, door: Callable[..., Any], **named: Any) -> None:
    """Put a door into the OpenAPI document; `Guard.answer` answers it, and FastAPI never hears of it."""

    def described() -> None: ...

    described.__name__, described.__doc__ = door.__name__, door.__doc__
    app.add_api_route(path, described, methods=["POST"], responses=_ERRORS, **named)


def _add_status_pages(app: FastAPI, service: Service) -> None:
    @app.get("/ping", response_class=Response, responses={503: {"model": ErrorBody}})
    @app.get("/health", responses={503: {"model": ErrorBody}})
    async def health() -> JSONResponse:
        """Whether the named version is loaded, has answered its golden probe, and takes questions."""
        told: dict[str, Any] = {
            "status": "leaving" if service.draining else "ready",
            "model": service.model.facts(),
            **service.registry.facts(),
        }
        if service.challenger is not None:
            told["challenger"] = service.challenger.facts()
        return JSONResponse(told, 503 if service.draining else 200, service.model.headers)

    @app.get("/version")
    async def version() -> JSONResponse:
        """The version of Homologate that answers, and of the model."""
        told = {"homologate": importlib.metadata.version("homologate"), "model": service.model.facts()}
        return JSONResponse(told, headers=service.model.headers)

    @app.get("/v1/challenger", responses={401: _ERRORS[401], 404: {"model": ErrorBody}})
    async def challenger() -> JSONResponse:
        """What came of the version beside the one that answers: agreement, times, differences. Never a text."""
        found = service.challenger.report() if service.challenger else None
        if found is None:
            nothing = "no text was answered by two versions yet" if service.challenger else "no version stands beside"
            raise Problem(404, UsageError(nothing, next_command="homologate serve --challenger Staging"))
        return JSONResponse(found)

    @app.get("/v1/caller", responses={401: _ERRORS[401]})
    async def caller(request: Request) -> JSONResponse:
        """Who the server takes the caller for (null where anybody may ask), and what one request may hold."""
        limits = service.limits
        told = {"texts": limits.texts, "characters": limits.characters, "body_bytes": limits.body_bytes}
        return JSONResponse({"caller": request.state.caller, "limits": told, "feedback": "/v1/feedback" in _paths(app)})

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(service.metrics.page(), media_type=CONTENT_TYPE)


def _paths(app: FastAPI) -> set[str]:
    return {str(getattr(route, "path", "")) for route in app.routes}


async def _problem(_: Request, error: Exception) -> Response:
    problem = problem_of(error)
    return Response(problem.body, problem.status, {name.decode(): value.decode() for name, value in problem.headers})


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it)
    problem = Problem(
        error.status_code,
        UsageError(f"{request.method} {request.url.path!r:.100}: {error.detail}", legal=sorted(_paths(request.app))),
    )
    return Response(problem.body, problem.status, {**dict(error.headers or {}), "content-type": JSON})
