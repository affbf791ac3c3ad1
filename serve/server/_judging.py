"""The two doors that judge, from the bytes of a request to the bytes of its answer.

They stand in front of FastAPI: its routing and the objects it wraps a request in cost a tenth of an int8 answer, since
each answer clears the processor's caches of all this code. FastAPI only describes them (`_app.py`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from pydantic import ValidationError

from homologate.errors import DataError
from homologate.scorer import Answer
from serve.http import read_body
from serve.server._asked import Asked
from serve.server._model import ServedModel
from serve.server._schemas import ScoreRequest
from serve.server._service import Service
from serve.server._wire import JSON, checked_texts, media_type, parse_json, read_invocation

__all__ = ["DOORS", "Judged", "invocations", "score"]

_encode = msgspec.json.Encoder().encode


class Judged(NamedTuple):
    """The body of a 200, and the version that gave it."""

    body: bytes
    model: ServedModel


async def score(service: Service, asked: Asked) -> Judged:
    """Judge one text."""
    media_type(asked.said(b"content-type"), (JSON,))
    question = _question(await read_body(asked, service.limits))
    texts = checked_texts([question.text], service.limits)
    occlude = question.explain == "occlusion"
    if question.component:
        asked.families = [question.component]
    model, (answer,) = await service.judge(asked, texts, bool(question.explain), occlude=occlude)
    told = _scored(answer, model, asked.request_id)
    if question.explain:
        told["explained_by"] = asked.explained_by
    return Judged(_encode(told), model)


async def invocations(service: Service, asked: Asked) -> Judged:
    """Judge texts by MLflow's scoring protocol; of several, the prediction id of row i is `<prediction_id>.<i>`."""
    question = read_invocation(await read_body(asked, service.limits), asked.said(b"content-type"))
    texts, asked.families = checked_texts(question.texts, service.limits), question.families
    model, answers = await service.judge(asked, texts, question.explain, question.precision)
    predictions = [_prediction(answer, question.explain) for answer in answers]
    told = {"predictions": predictions, "prediction_id": asked.request_id, "model": model.named}
    return Judged(_encode(told), model)


DOORS: dict[str, Callable[[Service, Asked], Awaitable[Judged]]] = {"/v1/score": score, "/invocations": invocations}
"""The paths that judge; each is asked by POST."""


def _question(body: bytes) -> ScoreRequest:
    try:
        return ScoreRequest.model_validate(parse_json(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(map(str, first["loc"])) or "body"
        raise DataError(
            f"{first['msg']}: {first['input']!r:.60}",
            place=f"field {field}",
            legal='{"text": "…", "explain": true, false or "occlusion"}',
        ) from None


def _scored(answer: Answer, model: ServedModel, prediction_id: str) -> dict[str, Any]:
    """As `_schemas.ScoreResponse` says; a test holds the two together."""
    negative, positive = model.scorer.labels
    told: dict[str, Any] = {
        "prediction_id": prediction_id,
        "label": answer.label,
        "probabilities": {negative: 1 - answer.probability, positive: answer.probability},
        "threshold": answer.threshold,
        "truncated": answer.truncated,
    }
    if answer.remainder is not None:
        told.update(words=answer.words, bias=answer.bias, remainder=answer.remainder)
    told["model"] = model.named
    return told


def _prediction(answer: Answer, explain: bool) -> dict[str, Any]:
    """One row as the model's own pyfunc answers it (`homologate.scorer.pyfunc`)."""
    kept: dict[str, Any] = {
        "label": answer.label,
        "probability": answer.probability,
        "threshold": answer.threshold,
        "truncated": answer.truncated,
    }
    if explain:
        kept.update(words=answer.words, remainder=answer.remainder, bias=answer.bias)
    return kept
