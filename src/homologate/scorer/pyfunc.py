"""The door MLflow comes through: `loader_module: homologate_scorer.pyfunc` in an `MLmodel` file.

MLflow hands over whatever its server parsed (a DataFrame, an array, a list); this file finds the texts in it without
importing pandas, and answers with plain dicts, which MLflow's server writes as JSON records.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from ._answer import Answer
from ._faults import InputFault
from ._files import MODEL_FILES
from ._scorer import Scorer
from .collector import MOST_COMPONENT, Record, collector_from_environment, judge_of, row_id

__all__ = ["ScorerModel", "texts_of"]

COLUMN = "text"
PARAMS = {"explain": False, "precision": "", "component": ""}
"""What `params` may hold, and what is assumed where it is silent; an empty precision means the model's own."""


class ScorerModel:
    """What `mlflow.pyfunc.load_model` wraps.

    MLflow's server calls `predict` from six threads whatever the machine has; no more of them than there are cores
    work at once here, each on one core, and the others wait their turn. Where the environment asks for it
    (`collector/_environment.py`), predictions are kept and each answer carries its `prediction_id`.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        scorer = Scorer(directory)
        self._scorers = {scorer.precision: scorer}
        self._default = scorer.precision
        self._opening = threading.Lock()
        self._turns = threading.BoundedSemaphore(len(os.sched_getaffinity(0)))
        self._collector = collector_from_environment()
        self._judge = judge_of(directory, scorer.labels) if self._collector is not None else None

    def predict(self, model_input: Any, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Judge every text of the input.

        Args:
            model_input: a DataFrame with a column `text` (or one column of any name), a Series, an array or a list
                of texts, one text, or a mapping with a key `text`.
            params: `explain` (bool) adds the words and their shares of the logit; `precision` is `fp32` or `int8`;
                `component` names the family of all these texts, to be kept with them. It is no column: with a second
                column in the signature MLflow no longer takes `{"inputs": ["a text"]}`.

        Returns:
            One dict a text, in order: `label`, `probability` (of the positive label), `threshold`, `truncated`, and
            where words were asked for `words` (`text`, `start`, `end`, `contribution`), `remainder` and `bias`; where
            predictions are kept, `prediction_id`.

        Raises:
            InputFault: a text that cannot be judged, or a parameter that does not exist.
        """
        asked = {**PARAMS, **(params or {})}
        explain = bool(asked["explain"])
        if unknown := sorted(asked.keys() - PARAMS):
            raise InputFault(f"no parameter {unknown[0]!r}", place="params", legal=", ".join(PARAMS))
        if (length := len(asked["component"])) > MOST_COMPONENT:
            raise InputFault(f"a component of {length} characters", place="params", legal=f"at most {MOST_COMPONENT}")
        texts = list(texts_of(model_input))
        begun = time.perf_counter()
        with self._turns:
            answers = self._scorer(asked["precision"] or self._default).answers(texts, explain)
        kept = ("label", "probability", "threshold", "truncated") + (("words", "remainder", "bias") if explain else ())
        records = (asdict(answer) for answer in answers)
        told = [{name: record[name] for name in kept} for record in records]
        return self._collected(told, texts, answers, time.perf_counter() - begun, asked["component"])

    def _collected(
        self, told: list[dict[str, Any]], texts: list[Any], answers: list[Answer], seconds: float, component: str
    ) -> list[dict[str, Any]]:
        """Hand the predictions over to be kept, and name each in its answer."""
        if self._collector is None or self._judge is None:
            return told
        request, now = uuid.uuid4().hex, time.time()
        for row, (text, answer) in enumerate(zip(texts, answers, strict=True)):
            identity = row_id(request, row, len(answers))
            facts = {"latency_ms": seconds * 1000, "component": component}
            self._collector.offer(Record.of(identity, self._judge, now, text, answer, **facts))
            told[row]["prediction_id"] = identity
        return told

    def _scorer(self, precision: str) -> Scorer:
        if precision not in MODEL_FILES:
            raise InputFault(f"no precision {precision!r}", place="params", legal=", ".join(MODEL_FILES))
        with self._opening:
            if precision not in self._scorers:
                self._scorers[precision] = Scorer(self._directory, precision)
            return self._scorers[precision]


def texts_of(model_input: Any) -> Iterable[Any]:
    """The texts in whatever MLflow hands over.

    Raises:
        InputFault: a table without a column `text`, or an array of more than one column.
    """
    if isinstance(model_input, str):
        return [model_input]
    columns = model_input.keys() if isinstance(model_input, Mapping) else getattr(model_input, "columns", None)
    if columns is not None:
        names = list(columns)
        if COLUMN not in names and len(names) != 1:
            raise InputFault(f"no column {COLUMN!r}", place=f"columns {', '.join(map(str, names))}", legal=COLUMN)
        return texts_of(_listed(model_input[COLUMN if COLUMN in names else names[0]]))
    listed = _listed(model_input)
    if listed and all(isinstance(row, list | tuple) and len(row) == 1 for row in listed):
        return [row[0] for row in listed]
    if listed and all(isinstance(row, Mapping) and COLUMN in row for row in listed):
        return [row[COLUMN] for row in listed]
    return listed


def _listed(values: Any) -> list[Any]:
    """A list of what a Series, an array, a list or a single text holds."""
    if isinstance(values, str):
        return [values]
    listed: Any = values.tolist() if hasattr(values, "tolist") else values
    return list(listed) if isinstance(listed, list | tuple) else [listed]


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> ScorerModel:
    """Called by MLflow with the model directory (or the file `data` names in it)."""
    return ScorerModel(path)
