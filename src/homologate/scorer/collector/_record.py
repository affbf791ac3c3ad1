"""One prediction as it is kept: two lines of Azure ML's model data collector, joined by the prediction id.

The line of an input holds the text and nothing the model said; the line of an output holds what the model said and
nothing of the text but the words that decided. `docs/architecture.md` ("Collected predictions") lists every field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from ._privacy import Privacy, digest_of_text

__all__ = [
    "AGENT",
    "INPUTS",
    "MOST_COMPONENT",
    "MOST_WORDS",
    "OUTPUTS",
    "Judge",
    "Record",
    "event",
    "folder",
    "pairs",
    "path_part",
    "row_id",
    "stamp",
]

AGENT = "homologate/1"
"""Who wrote a line, and the schema of its `data`."""

INPUTS, OUTPUTS = "model_inputs", "model_outputs"
MOST_COMPONENT = 200
"""Characters of the name of a component family."""
MOST_WORDS = 5
"""Words of the attribution summary, by the size of their share."""


@dataclass(frozen=True, slots=True)
class Judge:
    """The version that answered and the door it stood behind.

    `labels` is `(negative, positive)`; `door` is one of `server`, `pyfunc`, `batch`, `spark`, `edge`, `web`. `role` is
    `champion` or `canary` where somebody got the answer, `shadow` where only this record has it, under the prediction
    id of the answer it stands beside.
    """

    model: str
    version: str
    digest: str
    labels: tuple[str, str]
    door: str
    role: str = "champion"


@dataclass(frozen=True, slots=True)
class Record:
    """One text and its verdict.

    Args:
        id: the prediction id, unique for ever.
        judge: who answered.
        time: seconds since the epoch, when the answer was made.
        text: what was judged, as it was given.
        label: the verdict.
        probability: of the positive label.
        threshold: at and above it the verdict is positive.
        truncated: whether the model read the whole text.
        latency_ms: from question to answer; None where nobody waited (batch).
        caller: who asked, where the door knows.
        component: the component family, where the caller said it.
        words: `(start, end, share of the logit)` in characters of the text; empty where not asked for.
        bias: of the logit; None where words were not asked for.
        remainder: share of the marks around the text; None where words were not asked for.
    """

    id: str
    judge: Judge
    time: float
    text: str
    label: str
    probability: float
    threshold: float
    truncated: bool = False
    latency_ms: float | None = None
    caller: str | None = None
    component: str = ""
    words: Sequence[tuple[int, int, float]] = ()
    bias: float | None = None
    remainder: float | None = None

    @classmethod
    def of(cls, identity: str, judge: Judge, time: float, text: str, answer: Any, **facts: Any) -> Record:
        """The record of a scorer's `Answer` (any object with its attributes)."""
        explained = answer.remainder is not None
        return cls(
            identity,
            judge,
            time,
            text,
            answer.label,
            answer.probability,
            answer.threshold,
            answer.truncated,
            words=[(word.start, word.end, word.contribution) for word in answer.words],
            bias=answer.bias if explained else None,
            remainder=answer.remainder,
            **facts,
        )


def row_id(request: str, row: int, rows: int) -> str:
    """The prediction id of row `row`, from 0, of a request of `rows` texts: the request's own where it is one text."""
    return request if rows == 1 else f"{request}.{row}"


def pairs(record: Record, privacy: Privacy) -> list[tuple[str, str]]:
    """`(folder, JSON line)` of the input, then of the output."""
    judge, when = record.judge, stamp(record.time)
    kept = privacy.keep(record.text, record.words)
    inputs = {
        "text": kept.text,
        "text_sha256": digest_of_text(record.text),
        "privacy": privacy.form,
        "component": record.component,
    }
    outputs = {
        "prediction_id": record.id,
        "model": judge.model,
        "version": judge.version,
        "digest": judge.digest,
        "label": record.label,
        "probability": record.probability,
        "labels": list(judge.labels),
        "threshold": record.threshold,
        "truncated": record.truncated,
        "latency_ms": None if record.latency_ms is None else round(record.latency_ms, 3),
        "caller": record.caller,
        "door": judge.door,
        "role": judge.role,
        "words": [{"word": word, "contribution": round(share, 6)} for word, share in kept.words[:MOST_WORDS]],
        "other_words": round(sum(share for _, share in kept.words[MOST_WORDS:]), 6),
        "bias": record.bias,
        "remainder": record.remainder,
    }
    return [
        (folder(judge.model, judge.version, collection, record.time), event(record.id, judge, collection, when, data))
        for collection, data in ((INPUTS, inputs), (OUTPUTS, outputs))
    ]


def event(correlation: str, judge: Judge, collection: str, when: str, data: Mapping[str, Any]) -> str:
    """One JSON line as Azure ML's collector writes it; ASCII, without a raw tab or line end."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": f"{correlation}:{collection}",
            "source": f"models:/{judge.model}/{judge.version}",
            "type": f"azureml.inference.{collection}",
            "datacontenttype": "application/json",
            "time": when,
            "data": [data],
            "correlationid": correlation,
            "xrequestid": correlation,
            "modelversion": judge.version,
            "collectdatatype": "pandas.core.frame.DataFrame",
            "agent": AGENT,
        },
        separators=(",", ":"),
    )


def folder(model: str, version: str, collection: str, time: float) -> str:
    """`<model>/<version>/<collection>/YYYY/MM/DD/HH`, in UTC; names are percent-encoded where a path needs it."""
    hour = datetime.fromtimestamp(time, UTC).strftime("%Y/%m/%d/%H")
    return f"{path_part(model)}/{path_part(version)}/{path_part(collection)}/{hour}"


def path_part(name: str) -> str:
    """A name as one part of a path."""
    part = quote(name, safe=" @+=,") or "_"
    return part.replace(".", "%2E") if not part.strip(".") else part


def stamp(time: float) -> str:
    """RFC 3339 in UTC with microseconds: stamps sort as their times do."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
