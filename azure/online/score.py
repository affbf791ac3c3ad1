"""The scoring script of the Azure ML endpoint: `init` once a worker, `run` once a request.

The model is the approved one or none (`approved.py`, shipped beside it). It answers MLflow's forms (`inputs`,
`dataframe_split`, `dataframe_records`) and Azure ML's (`input_data`); inputs and outputs go to Azure ML's own collector
where data collection is on.
"""

from __future__ import annotations

import json
import logging
import os
import traceback
import uuid
from typing import Any

import pandas as pd
from approved import approved_model
from azureml.ai.monitoring import Collector
from azureml.ai.monitoring.context import BasicCorrelationContext
from azureml_inference_server_http.api.aml_request import AMLRequest, rawhttp
from azureml_inference_server_http.api.aml_response import AMLResponse

from homologate.errors import DataError, HomologateError

MOST_TEXTS = 1000
FAMILY, MOST_COMPONENT = "component", 200
FORMS = ("inputs", "input_data", "dataframe_split", "dataframe_records", "text")

log = logging.getLogger("homologate")
served: dict[str, Any] = {}


def init() -> None:
    """Open the approved model. Raises as `approved_model`."""
    approved = approved_model()
    served.update(
        model=approved.model,
        headers={"X-Model-Digest": approved.digest, "X-Model-Version": approved.version},
        inputs=_collector("model_inputs"),
        outputs=_collector("model_outputs"),
    )
    log.info("ready: version %s, %s", approved.version, approved.digest)


@rawhttp
def run(request: AMLRequest) -> AMLResponse:
    """Judge the texts of one request; one error shape, the status of the fault, never the text in a log."""
    prediction = request.headers.get("x-ms-request-id") or uuid.uuid4().hex
    headers = {**served.get("headers", {}), "X-Prediction-Id": prediction}
    try:
        body = _parsed(request)
        texts, families, params = _asked(body)
        answers = served["model"].predict(texts, params)
    except Exception as error:
        return AMLResponse(_told(error), _status(error), headers, json_str=True)
    _collect(prediction, texts, families, answers)
    return AMLResponse({"predictions": answers, "prediction_id": prediction}, 200, headers, json_str=True)


def _parsed(request: AMLRequest) -> dict[str, Any]:
    if request.method != "POST":
        raise DataError(f"method {request.method}", place="request", legal="POST")
    try:
        body = json.loads(request.get_data())
    except ValueError as error:
        raise DataError(f"the body is not JSON: {error}", place="body", legal='{"inputs": ["a text"]}') from None
    if not isinstance(body, dict):
        raise DataError("the body is not a JSON object", place="body", legal='{"inputs": ["a text"]}')
    return body


def _asked(body: dict[str, Any]) -> tuple[list[str], list[str], dict[str, Any]]:
    """The texts of any form, the component family of each (kept, never judged), and the parameters."""
    form = next((name for name in FORMS if name in body), None)
    if form is None:
        raise DataError("no texts in the body", place=f"fields {', '.join(map(str, body))[:80]}", legal=FORMS)
    from homologate_scorer.pyfunc import texts_of

    asked = body[form]
    if isinstance(asked, dict) and {"columns", "data"} <= asked.keys():
        asked = pd.DataFrame(asked["data"], columns=asked["columns"])
    texts = list(texts_of(asked))
    if len(texts) > MOST_TEXTS:
        raise DataError(
            f"{len(texts)} texts in one request", place="body", legal=f"at most {MOST_TEXTS}; files go to batch"
        )
    params = dict(body.get("params") or {})
    return texts, _families(asked, len(texts), params.pop(FAMILY, "")), params


def _families(asked: Any, count: int, family: str) -> list[str]:
    """What each row says in a column `component`, else `family`; empty where nothing is said."""
    said: list[Any] = [row.get(FAMILY) for row in asked if isinstance(row, dict)] if isinstance(asked, list) else []
    if isinstance(asked, dict | pd.DataFrame) and FAMILY in asked:
        said = [asked[FAMILY]] if isinstance(asked[FAMILY], str) else list(asked[FAMILY])
    said = said or [None] * count
    if len(said) != count:
        raise DataError(f"{len(said)} values of {FAMILY!r} beside {count} texts", place=f"column {FAMILY}")
    for index, name in enumerate([family, *said], start=-1):
        if name is not None and (not isinstance(name, str) or len(name) > MOST_COMPONENT):
            place = "params" if index < 0 else f"text {index}"
            legal = f"a string of at most {MOST_COMPONENT} characters"
            raise DataError(f"{FAMILY} = {name!r:.60}", place=place, legal=legal)
    return [name or family for name in said]


def _told(error: Exception) -> dict[str, Any]:
    if isinstance(error, HomologateError):
        return error.as_json()
    names = ("problem", "place", "legal", "next_command")
    problem, place, legal, after = (getattr(error, name, None) for name in names)
    if problem is None:
        # Kind and place alone: a message, and a traceback with it, may quote a text.
        trace = traceback.extract_tb(error.__traceback__)[-1]
        log.error("the request could not be answered: %s at %s:%s", type(error).__name__, trace.filename, trace.lineno)
        problem = "the request could not be answered"
    told = {"type": type(error).__name__, "message": problem, "place": place, "legal": legal, "next": after}
    return {"error": told}


def _status(error: Exception) -> int:
    return 400 if isinstance(error, DataError) or type(error).__name__ == "InputFault" else 500


def _collector(name: str) -> Collector | None:
    if os.environ.get("AZUREML_MDC_ENABLED", "").lower() != "true":
        return None
    return Collector(name=name, on_error=lambda error: log.warning("%s not collected: %s", name, error))


def _collect(prediction: str, texts: list[str], families: list[str], answers: list[dict[str, Any]]) -> None:
    """Hand both tables to Azure ML's collector, joined by the prediction id; it never breaks an answer."""
    if served["inputs"] is None:
        return
    context = BasicCorrelationContext(id=prediction)
    named = {FAMILY: families} if any(families) else {}
    served["inputs"].collect(pd.DataFrame({"text": texts, **named}), context)
    told = [{"label": answer["label"], "probability": answer["probability"]} for answer in answers]
    served["outputs"].collect(pd.DataFrame(told), context)
