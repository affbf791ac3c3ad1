"""The files of a model directory that the scorer reads, and what is wrong with them when something is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnxruntime

from ._faults import ModelFault

__all__ = ["EMBEDDING", "MODEL_FILES", "Facts", "read_facts", "session"]

SCHEMA = 1
MODEL_FILES = {"fp32": "model.onnx", "int8": "model.int8.onnx"}
"""Which file answers at which precision."""

INPUTS = ["input_ids", "attention_mask"]
OUTPUTS = ["probability", "contributions"]
EMBEDDING = "embedding"
"""A third output, never asked for when a text is judged; graphs made before it was added answer all the same."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What `scorer.json` says."""

    labels: tuple[str, str]
    threshold: float
    max_tokens: int
    bias: float
    precision: str


def read_facts(directory: Path) -> Facts:
    """Read `scorer.json`.

    Raises:
        ModelFault: there is no such directory or file, or a field is missing or illegal (it is named).
    """
    file = directory / "scorer.json"
    if not file.is_file():
        what = "no scorer.json in it" if directory.is_dir() else "no such directory"
        raise ModelFault(f"{str(directory)!r} is not a model directory: {what}", place=str(file))
    try:
        raw: Any = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ModelFault(f"cannot be read: {error}", place=str(file)) from error
    if not isinstance(raw, dict) or raw.get("schema") != SCHEMA:
        found = raw.get("schema") if isinstance(raw, dict) else raw
        raise ModelFault(f"schema {found!r:.60} is unknown", place=str(file), legal=str(SCHEMA))
    legal: dict[str, tuple[str, Callable[[Any], bool]]] = {
        "labels": ("two different words", lambda v: isinstance(v, list) and len({*map(str, v)}) == len(v) == 2),
        "threshold": ("a number from 0 to 1", lambda v: _is_number(v) and 0 <= v <= 1),
        "max_tokens": ("a whole number from 3", lambda v: isinstance(v, int) and v >= 3),
        "bias": ("a finite number", _is_number),
        "precision": (", ".join(MODEL_FILES), lambda v: v in MODEL_FILES),
    }
    for field, (wanted, holds) in legal.items():
        if field not in raw or not holds(raw[field]):
            raise ModelFault(f"{field} = {raw.get(field)!r:.60}", place=f"{file}, field {field}", legal=wanted)
    negative, positive = raw["labels"]
    return Facts((negative, positive), float(raw["threshold"]), raw["max_tokens"], float(raw["bias"]), raw["precision"])


def session(directory: Path, precision: str, threads: int) -> onnxruntime.InferenceSession:
    """Load the ONNX file of one precision.

    Threads do not spin while idle: two sessions on two cores that spin halve each other's speed.

    Raises:
        ModelFault: the precision is unknown, the file is missing or broken, or its inputs and outputs are not ours.
    """
    if precision not in MODEL_FILES:
        raise ModelFault(f"no precision {precision!r}", place=str(directory), legal=", ".join(MODEL_FILES))
    file = directory / MODEL_FILES[precision]
    if not file.is_file():
        raise ModelFault(f"the {precision} model is missing", place=str(file))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_mem_pattern = False  # shapes differ from call to call
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        loaded = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no other base
        raise ModelFault(f"ONNX Runtime cannot load it: {error!s:.200}", place=str(file)) from error
    outputs = [node.name for node in loaded.get_outputs() if node.name != EMBEDDING]
    for kind, found, wanted in (
        ("inputs", [node.name for node in loaded.get_inputs()], INPUTS),
        ("outputs", outputs, OUTPUTS),
    ):
        if sorted(found) != sorted(wanted):
            raise ModelFault(f"{kind} are {', '.join(found)}", place=str(file), legal=", ".join(wanted))
    return loaded


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
