"""Real servers of a real, tiny model, on loopback."""

from __future__ import annotations

import json
import shutil
import timeit
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loopback.scoring import TEXTS, Server

from homologate.model_directory import build
from homologate.scorer import Scorer

__all__ = ["TEXTS", "Server"]

DETOUR_SECONDS = 0.25


@pytest.fixture(scope="session")
def remade(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """Makes a model directory of the tiny model once something was changed in its ONNX directory."""

    def make(name: str, change: Callable[[Path], None]) -> Path:
        onnx = tmp_path_factory.mktemp(f"{name}-onnx")
        shutil.copytree(tiny_model, onnx, dirs_exist_ok=True)
        change(onnx)
        return _directory(onnx, tmp_path_factory.mktemp(name) / "model")

    return make


@pytest.fixture(scope="session")
def other_directory(remade: Callable[..., Path]) -> Path:
    """The same weights with another threshold: another version, another digest."""
    return remade("other", lambda onnx: _write_facts(onnx, threshold=0.987))


@pytest.fixture(scope="session")
def slow_directory(remade: Callable[..., Path]) -> Path:
    """The tiny model with a detour of a quarter of a second in its graph: truthful answers, slowly given."""
    return remade("slow", _slow_down)


@pytest.fixture(scope="session")
def failing_directory(remade: Callable[..., Path]) -> Path:
    """The tiny model, answering NaN to texts of more than thirty tokens: it passes its probe and fails later."""
    return remade("failing", lambda onnx: _fail_on_long(onnx / "model.onnx"))


@pytest.fixture(scope="session")
def twin_directory(remade: Callable[..., Path]) -> Path:
    """The same weights and threshold, other bytes."""
    return remade("twin", _write_facts)


@pytest.fixture(scope="session")
def server(serve: Callable[..., Server], model_directory: Path) -> Server:
    """One server with the limits a test reaches quickly, shared by the tests that leave it as they find it."""
    return serve(model_directory, "--max-body", "65536", "--max-texts", "200", "--patience", "1")


def _directory(onnx: Path, out: Path) -> Path:
    return build(onnx, out, reference={}, texts=TEXTS, run_id="0" * 32, metadata={})


def _write_facts(onnx: Path, **changed: Any) -> None:
    """Write the scorer's facts again, in other bytes."""
    facts = json.loads((onnx / "scorer.json").read_text())
    (onnx / "scorer.json").write_text(json.dumps(facts | changed, indent=7))


def _slow_down(onnx: Path) -> None:
    """Make the detour as long as it must be on this machine, whatever it computes in a second."""
    file, turns = onnx / "model.onnx", 100
    quick = file.read_bytes()
    _add_detour(file, turns)
    scorer = Scorer(onnx)
    took = min(timeit.repeat(lambda: scorer.answer(TEXTS[0]), number=1, repeat=3))
    file.write_bytes(quick)
    _add_detour(file, round(turns * DETOUR_SECONDS / took))


def _add_detour(file: Path, turns: int) -> None:
    """Let the probability wait for a loop of matrix products whose result it is multiplied out of."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(file))
    graph = model.graph
    seed = numpy_helper.from_array(np.full((256, 256), 1 / 256, dtype=np.float32), "detour_matrix")
    graph.initializer.extend(
        [
            seed,
            numpy_helper.from_array(np.array(turns, dtype=np.int64), "detour_times"),
            numpy_helper.from_array(np.array(True), "detour_on"),
            numpy_helper.from_array(np.array(0.0, dtype=np.float32), "detour_nothing"),
        ]
    )
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["state", "detour_matrix"], ["next"]),
            helper.make_node("Identity", ["on"], ["still"]),
        ],
        "detour",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("state", TensorProto.FLOAT, [256, 256]),
        ],
        [
            helper.make_tensor_value_info("still", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, [256, 256]),
        ],
    )
    maker = next(node for node in graph.node if "probability" in node.output)
    maker.output[list(maker.output).index("probability")] = "quick_probability"
    graph.node.extend(
        [
            helper.make_node("ReduceMax", ["quick_probability"], ["detour_input"], keepdims=0),
            helper.make_node("Mul", ["detour_matrix", "detour_input"], ["detour_start"]),
            helper.make_node("Loop", ["detour_times", "detour_on", "detour_start"], ["detour_end"], body=body),
            helper.make_node("ReduceMax", ["detour_end"], ["detour_sum"], keepdims=0),
            helper.make_node("Mul", ["detour_sum", "detour_nothing"], ["detour_zero"]),
            helper.make_node("Add", ["quick_probability", "detour_zero"], ["probability"]),
        ]
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(file))


def _fail_on_long(file: Path) -> None:
    """Add 0 / max(0, 30 - tokens) to the probability: nothing up to 30 tokens, NaN from there on."""
    import numpy as np
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    model = onnx.load(str(file))
    graph = model.graph
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.array(30.0, dtype=np.float32), "most_tokens"),
            numpy_helper.from_array(np.array(0.0, dtype=np.float32), "no_more"),
            numpy_helper.from_array(np.array(1, dtype=np.int64), "second_place"),
        ]
    )
    maker = next(node for node in graph.node if "probability" in node.output)
    maker.output[list(maker.output).index("probability")] = "sound_probability"
    graph.node.extend(
        [
            helper.make_node("Shape", ["input_ids"], ["asked_shape"]),
            helper.make_node("Gather", ["asked_shape", "second_place"], ["asked_tokens"]),
            helper.make_node("Cast", ["asked_tokens"], ["asked_length"], to=TensorProto.FLOAT),
            helper.make_node("Sub", ["most_tokens", "asked_length"], ["signed_room"]),
            helper.make_node("Relu", ["signed_room"], ["room"]),
            helper.make_node("Div", ["no_more", "room"], ["fault"]),
            helper.make_node("Add", ["sound_probability", "fault"], ["probability"]),
        ]
    )
    onnx.checker.check_model(model)
    onnx.save(model, str(file))
