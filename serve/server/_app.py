"""The routes: MLflow's scoring protocol, `/v1/score`, and the pages that say how the server is."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from homologate.errors import DataError, UsageError
from homologate.scorer import Answer
from serve.server._answered import Answered
from serve.server._body import read_body
from serve.server._guard import Guard
from serve.server._metrics import CONTENT_TYPE
from serve.server._model import ServedModel
from serve.server._problem import Problem
from serve.server._schemas import TEXT, ErrorBody, ModelFacts, ScoreRequest, ScoreResponse, WordShare
from serve.server._service import Service
from serve.server._wire import JSON, checked_texts, media_type, parse_json, read_invocation

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
_INVOCATION = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {
                "schema": {"type": "object"},
                "examples": {
                    "inputs": {"value": {"inputs": [TEXT]}},
                    "dataframe_split": {"value": {"dataframe_split": {"columns": ["text"], "data": [[TEXT]]}}},
                    "dataframe_records": {"value": {"dataframe_records": [{"text": TEXT}]}},
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


def create_app(service: Service) -> FastAPI:
    """The application of one server, its shell (`Guard`) included."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        service.pool.start()
        service.metrics.serves(service.model)
        if service.collector is not None:
            service.collector.start()
        yield
        await service.pool.stop()
        if service.collector is not None:
            await service.collector.stop()

    app = FastAPI(
        title="Homologate",
        version=importlib.metadata.version("homologate"),
        summary="Is this component compliant, which words decided it, and which version says so.",
        docs_url=None,  # the pages of FastAPI load their scripts from the internet
        redoc_url=None,
        lifespan=life,
    )
    app.add_middleware(Guard, service=service)
    app.add_exception_handler(HTTPException, _no_such_route)
    _add_status_pages(app, service)

    @app.post("/v1/score", response_model=ScoreResponse, responses=_ERRORS, openapi_extra=_SCORE)
    async def score(request: Request) -> Response:
        """Judge one text."""
        media_type(request.headers.get("content-type", ""), (JSON,))
        asked = _asked(await read_body(request.headers, request.receive, service.limits))
        texts = checked_texts([asked.text], service.limits)
        model, (answer,) = await service.judge(request.receive, texts, asked.explain)
        prediction = _note(service, request, model, texts, [answer], asked.explain)
        content = _response(answer, model, prediction).model_dump_json(exclude_none=True)
        return _answered(content.encode(), model, prediction)

    @app.post("/invocations", responses=_ERRORS, openapi_extra=_INVOCATION)
    async def invocations(request: Request) -> Response:
        """Judge texts by MLflow's scoring protocol; the prediction id of row i is `<prediction_id>.<i>`."""
        content_type = request.headers.get("content-type", "")
        question = read_invocation(await read_body(request.headers, request.receive, service.limits), content_type)
        texts = checked_texts(question.texts, service.limits)
        model, answers = await service.judge(request.receive, texts, question.explain, question.precision)
        prediction = _note(service, request, model, texts, answers, question.explain)
        predictions = [_prediction(answer, question.explain) for answer in answers]
        told = {"predictions": predictions, "prediction_id": prediction, "model": _facts(model).model_dump()}
        return _answered(JSONResponse(told).body, model, prediction)

    for add in service.pages:
        add(app, service)
    return app


def _add_status_pages(app: FastAPI, service: Service) -> None:
    @app.get("/ping", response_class=Response, responses={503: {"model": ErrorBody}})
    @app.get("/health", responses={503: {"model": ErrorBody}})
    async def health() -> JSONResponse:
        """Whether the named version is loaded, has answered its golden probe, and takes questions."""
        registry = service.registry
        told: dict[str, Any] = {"status": "leaving" if service.draining else "ready", "model": service.model.facts()}
        if registry.watching:
            told["registry"] = {"reachable": registry.reachable, "fault": registry.fault}
            if registry.refused_version:
                told["refused"] = {"version": registry.refused_version, "because": registry.refused_because}
        return JSONResponse(told, 503 if service.draining else 200, service.model.headers)

    @app.get("/version")
    async def version() -> JSONResponse:
        """The version of Homologate that answers, and of the model."""
        told = {"homologate": importlib.metadata.version("homologate"), "model": service.model.facts()}
        return JSONResponse(told, headers=service.model.headers)

    @app.get("/metrics", response_class=Response)
    async def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(service.metrics.page(), media_type=CONTENT_TYPE)


def _asked(body: bytes) -> ScoreRequest:
    try:
        return ScoreRequest.model_validate(parse_json(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(map(str, first["loc"])) or "body"
        raise DataError(
            f"{first['msg']}: {first['input']!r:.60}",
            place=f"field {field}",
            legal='{"text": "…", "explain": true or false}',
        ) from None


def _note(
    service: Service, request: Request, model: ServedModel, texts: list[str], answers: list[Answer], explain: bool
) -> str:
    """Tell the collector and leave for the log (never the text) what was predicted; the prediction id."""
    prediction: str = request.state.request_id
    if service.collector is not None:
        at, seconds = request.state.came_at, time.time() - request.state.came_at
        caller = request.state.caller
        service.collector.collect(Answered(prediction, at, seconds, caller, tuple(texts), tuple(answers), model))
    request.state.prediction = {
        "prediction_id": prediction,
        "model": model.name,
        "version": model.version,
        "digest": model.digest,
        "texts": len(answers),
        "explain": explain,
        **({"label": answers[0].label, "probability": answers[0].probability} if len(answers) == 1 else {}),
    }
    return prediction


def _response(answer: Answer, model: ServedModel, prediction: str) -> ScoreResponse:
    negative, positive = model.scorer.labels
    explained = answer.remainder is not None
    return ScoreResponse(
        prediction_id=prediction,
        label=answer.label,
        probabilities={negative: 1 - answer.probability, positive: answer.probability},
        threshold=answer.threshold,
        truncated=answer.truncated,
        words=[WordShare(**asdict(word)) for word in answer.words] if explained else None,
        bias=answer.bias if explained else None,
        remainder=answer.remainder,
        model=_facts(model),
    )


def _prediction(answer: Answer, explain: bool) -> dict[str, Any]:
    """One row as the model's own pyfunc answers it (`homologate.scorer.pyfunc`)."""
    kept: dict[str, Any] = {
        "label": answer.label,
        "probability": answer.probability,
        "threshold": answer.threshold,
        "truncated": answer.truncated,
    }
    if explain:
        kept |= {"words": [asdict(w) for w in answer.words], "remainder": answer.remainder, "bias": answer.bias}
    return kept


def _facts(model: ServedModel) -> ModelFacts:
    return ModelFacts(name=model.name, version=model.version, digest=model.digest, precision=model.scorer.precision)


def _answered(content: bytes | memoryview, model: ServedModel, prediction: str) -> Response:
    return Response(content, headers={**model.headers, "X-Prediction-Id": prediction}, media_type=JSON)


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 (registered for it)
    routes = sorted({str(getattr(route, "path", "")) for route in request.app.routes})
    problem = Problem(
        error.status_code,
        UsageError(f"{request.method} {request.url.path!r:.100}: {error.detail}", legal=routes),
    )
    return Response(problem.body, problem.status, {**dict(error.headers or {}), "content-type": JSON})
