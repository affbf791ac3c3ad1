"""One model, one verdict, whichever door it is asked through: 10,000 texts, the nastiest of Unicode among them.

Held against the scorer asked one text at a time. Labels are equal. Probabilities: at fp32 at most 1e-6 apart, where a
door puts texts together; at int8 no difference at all, because every door scores int8 one text at a time (1e-6 in
Node, whose ONNX Runtime is another build).
"""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from homologate.attest import digest_of
from homologate.batch import Model, score_file
from homologate.local import program
from homologate.scorer import Answer, InputFault, Scorer
from serve.edge import Made

TOLERANCE = {"fp32": 1e-6, "int8": 0.0}
BOTH = pytest.mark.parametrize("precision", ["fp32", "int8"])
UNREADABLE = ["", "   ", "\u3000\x85\x1c", "\u200b", "\x01\x02"]


@pytest.fixture(scope="module")
def expected(directory: Path, texts: list[str]) -> Callable[[str], list[Answer]]:
    """What the scorer says of each text alone, by precision."""
    known: dict[str, list[Answer]] = {}

    def answers(precision: str) -> list[Answer]:
        if precision not in known:
            scorer = Scorer(directory, precision)
            known[precision] = [scorer.answer(text) for text in texts]
        return known[precision]

    return answers


def same(found: list[dict[str, Any]], expected: list[Answer], tolerance: float) -> None:
    assert len(found) == len(expected)
    assert [row["label"] for row in found] == [answer.label for answer in expected]
    worst = max(
        abs(float(row["probability"]) - answer.probability) for row, answer in zip(found, expected, strict=True)
    )
    assert worst <= tolerance, f"a probability differs by {worst}"


def lines(data: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.split("\n") if line]


def asked(texts: list[str]) -> str:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts)


def test_the_texts_are_as_hard_as_they_claim(texts: list[str], expected: Callable[[str], list[Answer]]) -> None:
    assert len(texts) == 10_000
    labels = [answer.label for answer in expected("fp32")]
    assert 500 < labels.count("non-compliant") < 9_500
    assert sum(answer.truncated for answer in expected("fp32")) > 200
    characters = {character for text in texts for character in text}
    assert {
        "\0",
        "\u0301",
        "\u200b",
        "\u202e",
        "İ",
        "№",
        "\u200d",
        "Σ",
        "한",
        "ह",
        "\ufeff",
        "\U0010ffff",
    } <= characters
    assert len(characters) > 20_000


@BOTH
def test_stock_pyfunc(
    directory: Path, texts: list[str], expected: Callable[[str], list[Answer]], precision: str
) -> None:
    import mlflow.pyfunc
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(directory))
    found = model.predict(pd.DataFrame({"text": texts}), params={"precision": precision})
    same(found, expected(precision), TOLERANCE[precision])


@pytest.fixture(scope="module", params=["fp32", "int8"])
def server(
    request: pytest.FixtureRequest, directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """`homologate serve`, and what it answers at."""
    log = tmp_path_factory.mktemp("server") / "log"
    words = [str(directory), "--precision", request.param, "--port", "0"]
    with log.open("wb") as sink:
        process = subprocess.Popen([program("homologate"), "serve", *words], stdout=sink, stderr=sink)
    ready = None
    while ready is None and process.poll() is None:
        ready = next((e for e in lines(log.read_text()) if e.get("event") == "ready"), None) if log.exists() else None
    assert ready, log.read_text()
    yield ready["url"], request.param
    process.terminate()
    process.wait(30)


def test_our_server(server: tuple[str, str], texts: list[str], expected: Callable[[str], list[Answer]]) -> None:
    url, precision = server
    found: list[dict[str, Any]] = []
    with requests.Session() as session:
        for first in range(0, len(texts), 250):
            answer = session.post(f"{url}/invocations", json={"inputs": texts[first : first + 250]}, timeout=60)
            assert answer.status_code == 200, answer.text
            found += answer.json()["predictions"]
    same(found, expected(precision), TOLERANCE[precision])


@pytest.mark.parametrize(("precision", "suffix"), [("fp32", "csv"), ("int8", "parquet"), ("fp32", "jsonl")])
def test_batch(
    directory: Path,
    texts: list[str],
    expected: Callable[[str], list[Answer]],
    tmp_path: Path,
    precision: str,
    suffix: str,
) -> None:
    source = tmp_path / "in.csv"
    with source.open("w", encoding="utf-8", newline="") as sink:
        csv.writer(sink).writerows([["text"], *([text] for text in texts)])
    out = tmp_path / f"out.{suffix}"
    score_file(source, out, Model(directory, "7", digest_of(directory)), precision=precision)
    if suffix == "parquet":
        import pyarrow.parquet

        found = pyarrow.parquet.read_table(out).to_pylist()
    elif suffix == "csv":
        with out.open(encoding="utf-8", newline="") as data:
            found = list(csv.DictReader(data))
    else:
        found = lines(out.read_text(encoding="utf-8"))
    assert [row["text"] for row in found] == texts
    same(found, expected(precision), TOLERANCE[precision])


@BOTH
def test_node(
    directory: Path, node_home: Path, texts: list[str], expected: Callable[[str], list[Answer]], precision: str
) -> None:
    command = ["node", str(node_home / "score.mjs"), str(directory), "--precision", precision]
    done = subprocess.run(command, input=asked([*texts, *UNREADABLE]), capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    found = lines(done.stdout)
    same(found[: len(texts)], expected(precision), 1e-6)
    assert [row["truncated"] for row in found[: len(texts)]] == [answer.truncated for answer in expected(precision)]
    assert all("error" in row for row in found[len(texts) :])


def test_edge(edge: Made, bare_python: Path, texts: list[str], expected: Callable[[str], list[Answer]]) -> None:
    command = [str(bare_python), "-I", "package/edge.pyz", "score", "--trusted", "trusted"]
    done = subprocess.run(
        command, input=asked([*texts, *UNREADABLE]), capture_output=True, text=True, encoding="utf-8", cwd=edge.folder
    )
    assert done.returncode == 0, done.stderr
    found = lines(done.stdout)
    same(found[: len(texts)], expected("int8"), TOLERANCE["int8"])
    assert all("error" in row for row in found[len(texts) :])


def test_what_one_door_cannot_read_none_can(directory: Path) -> None:
    scorer = Scorer(directory)
    for text in UNREADABLE:
        with pytest.raises(InputFault):
            scorer.answer(text)
