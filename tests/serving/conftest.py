"""Real servers of a real, tiny model, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from waiting import until

from homologate.local import program
from homologate.model_directory import build

TEXTS = [
    "The lamp from lot 7 cracked below the limit at 61 units.",
    "The hose from lot 12 held above the limit at 120 units. Tested twice.",
    "The seat from lot 99 cracked below the limit at 99 units.",
]
START_SECONDS = 30.0


@dataclass
class Server:
    """One running `homologate serve`."""

    process: subprocess.Popen[bytes]
    log: Path
    url: str = ""

    def events(self, name: str | None = None) -> list[dict[str, Any]]:
        """The lines of its log, or those of one event."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if name in (None, line["event"])]

    def score(self, text: Any = TEXTS[0], **more: Any) -> requests.Response:
        """POST /v1/score."""
        return requests.post(f"{self.url}/v1/score", json={"text": text, **more}, timeout=30)

    def invoke(self, body: Any, **headers: str) -> requests.Response:
        """POST /invocations."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(
            f"{self.url}/invocations", data=data, headers={"Content-Type": "application/json", **headers}, timeout=30
        )

    def health(self) -> requests.Response:
        """GET /health."""
        return requests.get(f"{self.url}/health", timeout=10)

    def memory(self) -> float:
        """Resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def metric(self, name: str) -> float:
        """The sum of one metric over its labels."""
        lines = requests.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name} ", f"{name}{{")))

    def await_event(self, name: str, seconds: float = 20.0) -> dict[str, Any]:
        """The newest event of that name, as soon as there is one."""
        return until(lambda: (self.events(name) or [None])[-1], seconds, f"event {name}")

    def told(self, response: requests.Response) -> dict[str, Any]:
        """The line of its log about one response; lines come in batches, a moment later."""
        named = response.headers["X-Request-Id"]
        return until(lambda: next((e for e in self.events("request") if e["request_id"] == named), None), 5, "log line")

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def model_directory(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as a whole MLflow model directory."""
    return _directory(tiny_model, tmp_path_factory.mktemp("served") / "model")


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
    return remade("slow", lambda onnx: _slow_down(onnx / "model.onnx"))


@pytest.fixture(scope="session")
def failing_directory(remade: Callable[..., Path]) -> Path:
    """The tiny model, answering NaN to texts of more than thirty tokens: it passes its probe and fails later."""
    return remade("failing", lambda onnx: _fail_on_long(onnx / "model.onnx"))


@pytest.fixture(scope="session")
def twin_directory(remade: Callable[..., Path]) -> Path:
    """The same weights and threshold, other bytes."""
    return remade("twin", _write_facts)


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts `homologate serve WORDS…` and waits until it is ready; all are stopped at the end."""
    started: list[Server] = []

    def start(*words: str | Path, ready: bool = True, environment: dict[str, str] | None = None) -> Server:
        home = tmp_path_factory.mktemp("server")
        # Keeping predictions has tests of its own; here each server would start a shipper beside it.
        (home / "homologate.yaml").write_text("collection: {enabled: false}\n")
        command = [program("homologate"), "serve", *map(str, words), "--port", "0"]
        with (home / "log").open("wb") as sink:
            process = subprocess.Popen(
                command, cwd=home, stderr=sink, stdout=sink, env={**os.environ, **(environment or {})}
            )
        server = Server(process, home / "log")
        started.append(server)
        if ready:
            until(lambda: server.events("ready") or process.poll() is not None, START_SECONDS, "ready server")
            assert process.poll() is None, server.log.read_text()
            server.url = server.events("ready")[0]["url"]
        return server

    yield start
    for server in started:
        server.process.kill()
        server.process.wait()


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


def _slow_down(file: Path) -> None:
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
            numpy_helper.from_array(np.array(150, dtype=np.int64), "detour_times"),
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
