"""Whatever answered, the prediction is kept: under the id the client was told, with what the client was told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
import yaml
from waiting import until

from homologate.attest import digest_of
from homologate.collection import FolderStore, Prediction, Reading, ship
from homologate.local import Services, program

from .conftest import TEXTS, Server

MAIL = "reported by jo@example.com: "


def settings(folder: Path, **given: object) -> Path:
    file = folder / "homologate.yaml"
    file.write_text(yaml.safe_dump({"home": str(folder), "collection": given}))
    return file


def kept(folder: Path, model: str) -> dict[str, Prediction]:
    """What is in the store once everything was shipped."""
    store = FolderStore(folder / "collected")
    ship(folder / "spool", store, patience=20)
    reading = Reading(store, model)
    found = {one.id: one for one in reading}
    assert not reading.faults
    return found


@pytest.fixture
def collecting(
    serve: Callable[..., Server], model_directory: Path, tmp_path: Path
) -> Callable[..., tuple[Server, Path]]:
    def start(**given: object) -> tuple[Server, Path]:
        return serve(model_directory, "--settings", settings(tmp_path, **given)), tmp_path

    return start


def test_our_server_keeps_each_answer_as_it_was_given(collecting: Callable[..., tuple[Server, Path]]) -> None:
    server, home = collecting()
    told = server.score(MAIL + TEXTS[0], explain=True, component="lamp").json()
    alone = server.invoke({"inputs": TEXTS[:1]}).json()
    several = server.invoke({"inputs": TEXTS}).json()
    assert server.stop() == 0
    assert not list((home / "spool").glob("*.ready")), "a server that leaves ships what it kept"
    found = kept(home, told["model"]["name"])
    rows = {f"{several['prediction_id']}.{row}" for row in range(3)}
    assert set(found) == {told["prediction_id"], alone["prediction_id"], *rows}, "one text has the request's own id"
    one = found[told["prediction_id"]]
    assert one.text == "reported by [e-mail]: " + TEXTS[0]
    assert (one.label, one.threshold, one.digest) == (told["label"], told["threshold"], told["model"]["digest"])
    assert one.probabilities == pytest.approx(told["probabilities"])
    assert one.latency_ms is not None
    assert one.latency_ms > 0
    assert (one.door, one.role, one.caller) == ("server", "champion", None)
    assert (one.component, found[alone["prediction_id"]].component) == ("lamp", "")
    # the words, those left out, the bias and the marks add up to the logit, as in the answer itself
    logit = told["bias"] + told["remainder"] + sum(word["contribution"] for word in told["words"])
    parts = [one.bias, one.remainder, one.other_words, *(word.contribution for word in one.words)]
    assert sum(part for part in parts if part is not None) == pytest.approx(logit, abs=1e-4)
    for row, answer in enumerate(several["predictions"]):
        assert found[f"{several['prediction_id']}.{row}"].probability == answer["probability"]


FAMILIES = ["lamp", "", "seat"]
ROWS = [{"text": text, "component": name} for text, name in zip(TEXTS, FAMILIES, strict=True)]


TABLE = {"columns": ["component", "text"], "data": [[row["component"], row["text"]] for row in ROWS]}
CSV = "".join(["component,text\n", *(f"{row['component']},{row['text']}\n" for row in ROWS)])
NAMED: list[tuple[object, list[str]]] = [
    ({"dataframe_records": [ROWS[0], {"text": TEXTS[1]}, ROWS[2]]}, FAMILIES),
    ({"dataframe_records": [ROWS[0], {**ROWS[1], "component": None}, ROWS[2]]}, FAMILIES),
    ({"dataframe_split": TABLE}, FAMILIES),
    ({"inputs": ROWS}, FAMILIES),
    ({"instances": {"text": TEXTS, "component": FAMILIES}}, FAMILIES),
    ({"inputs": {"text": TEXTS[0], "component": "lamp"}}, ["lamp"]),
    ({"inputs": TEXTS, "params": {"component": "hose"}}, ["hose"] * 3),
    ({"inputs": ROWS, "params": {"component": "hose"}}, ["lamp", "hose", "seat"]),
    (CSV, FAMILIES),
]


def test_each_row_of_a_request_keeps_the_family_it_names(collecting: Callable[..., tuple[Server, Path]]) -> None:
    server, home = collecting()
    asked = []
    for body, families in NAMED:
        data, kind = (body.encode(), "text/csv") if isinstance(body, str) else (body, "application/json")
        told = server.invoke(data, **{"Content-Type": kind}).json()
        assert len(told["predictions"]) == len(families)
        asked.append((told["prediction_id"], families))
    assert server.stop() == 0
    found = kept(home, told["model"]["name"])
    for identity, families in asked:
        mine = sorted((key, one.component) for key, one in found.items() if key.partition(".")[0] == identity)
        assert [component for _, component in mine] == families


def test_a_killed_server_loses_no_accepted_answer_and_its_shipper_leaves_too(
    collecting: Callable[..., tuple[Server, Path]],
) -> None:
    server, home = collecting(privacy="hash")
    with ThreadPoolExecutor(4) as pool:
        answers = [answer.json() for answer in pool.map(lambda _: server.score(), range(60))]
    until(lambda: server.metric("homologate_records_waiting") == 0, 5, "accepted records")
    accepted = server.metric("homologate_records_total")
    server.process.kill()
    server.process.wait()
    # The child ships what the dead server left, then ends; `kept` waits for its lock.
    found = kept(home, answers[0]["model"]["name"])
    assert len(found) == accepted == 60
    assert set(found) == {answer["prediction_id"] for answer in answers}
    assert {one.text for one in found.values()} == {None}

    def shippers() -> list[str]:
        lines = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout.splitlines()
        return [line for line in lines if str(home) in line]

    until(lambda: not shippers(), 15, "end of the shipper")


def test_nothing_is_kept_where_the_settings_say_so(collecting: Callable[..., tuple[Server, Path]]) -> None:
    server, home = collecting(enabled=False)
    server.score()
    assert server.stop() == 0
    assert sorted(path.name for path in home.iterdir()) == ["homologate.yaml"]


@pytest.fixture
def stock(model_directory: Path, tmp_path: Path) -> Iterator[Callable[[], str]]:
    services = Services(tmp_path / "services")
    os.environ["HOMOLOGATE_COLLECT"] = str(tmp_path / "spool")
    os.environ["HOMOLOGATE_COLLECT_MODEL"] = "brakes"

    def command(port: int) -> list[str]:
        words = ["models", "serve", "-m", str(model_directory), "--env-manager", "local", "--host", "127.0.0.1"]
        return [program("mlflow"), *words, "--port", str(port), "--workers", "1"]

    def start() -> str:
        return services.start("stock", command, about="tests", port=5430, ready="/ping", say=print).url

    yield start
    services.stop()
    del os.environ["HOMOLOGATE_COLLECT"], os.environ["HOMOLOGATE_COLLECT_MODEL"]


def test_the_stock_server_keeps_its_answers_where_the_environment_asks(
    stock: Callable[[], str], tmp_path: Path, model_directory: Path
) -> None:
    body = {"inputs": [{"text": MAIL + TEXTS[0]}, {"text": TEXTS[1]}], "params": {"component": "hose"}}
    url = stock()
    rows = requests.post(f"{url}/invocations", json=body, timeout=30).json()["predictions"]
    until(lambda: any(path.stat().st_size for path in (tmp_path / "spool").glob("*.open")), 5, "accepted record")
    os.killpg(Services(tmp_path / "services").running()["stock"].pid, signal.SIGKILL)
    command = [sys.executable, "-m", "homologate", "ship", "--spool", str(tmp_path / "spool")]
    command += ["--store", str(tmp_path / "collected"), "--json"]
    until(lambda: json.loads(subprocess.run(command, capture_output=True).stdout)["records"] == 4, 20, "four lines")
    found = kept(tmp_path, "brakes")
    assert {row["prediction_id"] for row in rows} == set(found)
    (request,) = {row["prediction_id"].partition(".")[0] for row in rows}
    assert [row["prediction_id"] for row in rows] == [f"{request}.0", f"{request}.1"]
    for row in rows:
        one = found[row["prediction_id"]]
        assert (one.label, one.probability, one.door) == (row["label"], row["probability"], "pyfunc")
        assert one.component == "hose"
        assert one.digest == digest_of(model_directory)
    assert {one.text for one in found.values()} == {"reported by [e-mail]: " + TEXTS[0], TEXTS[1]}


def test_a_directory_fetched_from_a_registry_names_its_version(model_directory: Path, tmp_path: Path) -> None:
    import shutil

    from homologate.scorer.collector import judge_of

    fetched = tmp_path / "fetched"
    shutil.copytree(model_directory, fetched)
    (fetched / "registered_model_meta").write_text("model_name: brakes\nmodel_version: '7'\n")
    judge = judge_of(str(fetched), ("a", "b"), {})
    assert (judge.model, judge.version, judge.digest) == ("brakes", "7", digest_of(model_directory))


def test_a_batch_job_killed_after_keeping_a_chunk_keeps_it_once(
    model_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from homologate.batch import Keep, Model, _job, _parts, score_file
    from homologate.scorer.collector import Privacy

    source = tmp_path / "in.csv"
    lines = [f"The hose from lot {number} held.,hose\n" for number in range(50)]
    source.write_text("".join(["text,component\n", *lines, '"",hose\n']))
    model = Model(model_directory, "7", "sha256:0")
    keep = Keep(tmp_path / "spool", "brakes", Privacy("full"), "component")
    monkeypatch.setattr(_job, "CHUNK", 20)
    finish = _parts.Parts.finish

    def killed(self: _parts.Parts, number: int, counts: dict[str, int]) -> None:
        if number == 1:
            raise KeyboardInterrupt  # the chunk is in the spool, and nobody noted that it is done
        finish(self, number, counts)

    monkeypatch.setattr(_parts.Parts, "finish", killed)
    with pytest.raises(KeyboardInterrupt):
        score_file(source, tmp_path / "out.jsonl", model, keep=keep)
    monkeypatch.setattr(_parts.Parts, "finish", finish)
    assert len(kept(tmp_path, "brakes")) == 40
    facts = score_file(source, tmp_path / "out.jsonl", model, keep=keep)
    assert (facts["resumed_at"], facts["rows"], facts["rejected"]) == (20, 50, 1)
    found = kept(tmp_path, "brakes")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["prediction_id"] for row in rows] == sorted(found, key=lambda key: int(key.rpartition(".")[2]))
    for row in rows:
        one = found[row["prediction_id"]]
        assert (one.text, one.label, one.probability) == (row["text"], row["label"], row["probability"])
        assert (one.door, one.component) == ("batch", "hose")
