"""Store and forward: no answered prediction is lost and none is doubled, whatever dies and whenever."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import requests

from homologate.collection import FolderStore, Reading

from ..loopback.azurite import ACCOUNT, azurite

TEXT = "The hose from lot 12 held above the limit at 120 units."


class Store:
    """A store that takes files by PUT as Azure Blob does, and has bad days."""

    def __init__(self, root: Path) -> None:
        self.root, self.faults, self.puts = root, 0.0, 0
        store, chance = self, random.Random(3)

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                data = self.rfile.read(int(self.headers["Content-Length"]))
                assert self.headers["If-None-Match"] == "*"
                assert urlsplit(self.path).query == "sig=secret"
                store.puts += 1
                bad = chance.random() < store.faults
                how = chance.choice(["503", "cut before", "cut after"]) if bad else ""
                if how == "503":
                    self.send_error(503)
                    return
                file = store.root / unquote(urlsplit(self.path).path).removeprefix("/predictions/")
                there = file.exists()
                if how != "cut before" and not there:
                    file.parent.mkdir(parents=True, exist_ok=True)
                    file.write_bytes(data)
                if how:
                    self.connection.close()
                    return
                self.send_response(409 if there else 201)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/predictions?sig=secret"

    def ids(self, collection: str) -> list[str]:
        """The prediction ids of every line it holds."""
        files = self.root.rglob(f"{collection}/**/*.jsonl")
        return [json.loads(line)["correlationid"] for file in files for line in file.read_text().splitlines()]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "store")
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_killed_at_any_moment_over_a_bad_line_nothing_is_lost_or_doubled(device: Any, store: Store) -> None:
    device.forward, store.faults = store.url, 0.4
    answered: list[str] = []
    chance = random.Random(11)
    for _ in range(3):
        device.start()
        ends = time.monotonic() + 1.5

        def ask(number: int, ends: float = ends) -> None:
            while time.monotonic() < ends:
                try:
                    answer = device.ask({"text": f"{TEXT} Caller {number}."})
                    answered.append(answer.json()["prediction_id"])
                except (requests.RequestException, ValueError):
                    return

        with ThreadPoolExecutor(3) as crowd:
            threading.Timer(0.3 + chance.random(), device.kill).start()
            list(crowd.map(ask, range(3)))
        device.kill()
    store.faults = 0.0
    done = device.run("forward", "--to", store.url)
    assert done.returncode == 0, done.stderr
    outputs, inputs = store.ids("model_outputs"), store.ids("model_inputs")
    assert len(answered) > 30
    assert set(answered) <= set(outputs)
    assert len(outputs) == len(set(outputs))
    assert sorted(inputs) == sorted(outputs)
    # At most what was on its way to each of three callers at each of three kills was kept and never heard of.
    assert len(outputs) <= len(answered) + 9
    assert device.state()["waiting"] == 0


def test_predictions_wait_offline_and_are_read_back_as_any_others(device: Any, store: Store) -> None:
    device.forward = "http://127.0.0.1:9/nobody?sig=secret"
    device.start()
    texts = [f"{TEXT} № {n}" for n in range(5)]
    told = [device.ask({"text": text, "explain": n == 0, "component": "hose"}).json() for n, text in enumerate(texts)]
    assert device.health()["waiting_to_be_forwarded"] == 5
    assert device.stop() == 0
    assert "sig=secret" not in (device.home / "log").read_text()
    assert device.state()["waiting"] == 5
    device.forward = store.url
    device.start()
    deadline = time.monotonic() + 20
    while device.health()["waiting_to_be_forwarded"] and time.monotonic() < deadline:
        time.sleep(0.05)
    now = datetime.now(UTC)
    reading = Reading(
        FolderStore(store.root),
        "component-classifier",
        "7",
        since=now - timedelta(hours=2),
        until=now + timedelta(hours=2),
    )
    found = {prediction.id: prediction for prediction in reading}
    assert not reading.faults
    assert list(found) == [answer["prediction_id"] for answer in told]
    for answer, text in zip(told, texts, strict=True):
        kept = found[answer["prediction_id"]]
        assert (kept.text, kept.label, kept.digest) == (text, answer["label"], answer["model"]["digest"])
        assert (kept.component, kept.door) == ("hose", "edge")
        assert kept.probability == answer["probabilities"]["non-compliant"]
    assert found[told[0]["prediction_id"]].words


def test_a_folder_is_a_store_too(device: Any, tmp_path: Path) -> None:
    device.start()
    for _ in range(3):
        device.ask({"text": TEXT})
    device.stop()
    for _ in range(2):
        assert device.run("forward", "--to", tmp_path / "stick").returncode == 0
    files = sorted((tmp_path / "stick").rglob("*.jsonl"))
    assert [len(file.read_text().splitlines()) for file in files] == [3, 3]
    done = device.run("forward", "--to", "ftp://there")
    assert done.returncode == 2
    assert "no store ftp://" in done.stderr


def test_an_answer_that_cannot_be_kept_is_not_given(device: Any) -> None:
    # A limit on file size is a disk that will not take more: the same error from the same write.
    command = device.command("serve", "--port", device.port, "--device", "d")
    device.home.mkdir()
    with (device.home / "log").open("wb") as log:
        limited = ["bash", "-c", 'trap "" XFSZ; ulimit -f 64; exec "$0" "$@"', *command]
        device.process = subprocess.Popen(limited, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + 60
    while not device.health() and time.monotonic() < deadline:
        time.sleep(0.05)
    kept = 0
    while (answer := device.ask({"text": TEXT})).status_code == 200:
        kept += 1
        assert kept < 500
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "the spool cannot be used" in answer.json()["error"]["message"]
    assert device.health()["ready"]
    assert device.stop() == 0
    assert device.state()["waiting"] == kept > 0


def test_questions_that_are_none_get_the_right_status_and_are_not_kept(device: Any) -> None:
    device.start()
    url = f"http://127.0.0.1:{device.port}"
    for body, status, said in (
        ({"text": ""}, 400, "empty"),
        ({"text": 3}, 400, "string"),
        ({"text": "a lamp", "component": 3}, 400, "string"),
        ({"text": "a lamp", "component": "x" * 201}, 400, "at most 200"),
        ({"text": "\u200b"}, 400, "nothing the tokeniser reads"),
        ({"text": "a lamp", "explian": True}, 400, "not a question"),
        ([1], 400, "not a question"),
        ({"text": "long " * 5000}, 400, "at most 20000"),
        ({"text": "long " * 50_000}, 413, "at most 65536"),
    ):
        answer = device.ask(body)
        assert answer.status_code == status
        error = answer.json()["error"]
        assert said in " ".join(str(part) for part in error.values())
        assert answer.headers["X-Model-Version"] == "7"
    assert requests.post(f"{url}/v1/score", data=b"\xff{", timeout=5).status_code == 400
    assert requests.post(f"{url}/v1/score", data=iter([b"{}"]), timeout=5).status_code == 411
    assert requests.post(f"{url}/v2", data=b"", timeout=5).status_code == 404
    assert requests.get(f"{url}/metrics", timeout=5).status_code == 404
    assert device.health()["waiting_to_be_forwarded"] == 0
    told = device.ask({"text": TEXT, "explain": True}).json()
    assert sum(told["probabilities"].values()) == pytest.approx(1.0)
    assert {word["text"] for word in told["words"]} >= {"hose", "limit"}


def test_azure_blob_takes_each_file_once(device: Any, tmp_path: Path) -> None:
    import trustme
    from azure.storage.blob import ContainerClient

    device.start()
    told = {device.ask({"text": f"{TEXT} {n}"}).json()["prediction_id"] for n in range(4)}
    device.stop()
    before = shutil.copytree(device.home, tmp_path / "before")
    with azurite(tmp_path / "azurite", trustme.CA()) as blobs:
        blobs.make_container("predictions")
        address = blobs.container_sas("predictions", f"{blobs.url}/{ACCOUNT}")
        environment = {**os.environ, "HOMOLOGATE_FORWARD": address, "SSL_CERT_FILE": str(blobs.authority)}
        # The second time with the spool as it was: a device that died before it could note that the store has all.
        for home in (device.home, before):
            words = [*device.command("forward")]
            words[words.index(str(device.home))] = str(home)
            done = subprocess.run(words, env=environment, capture_output=True, text=True)
            assert (done.returncode, done.stdout) == (0, "4 predictions forwarded\n"), done.stderr
        container = ContainerClient.from_connection_string(
            blobs.connection_string, "predictions", connection_verify=str(blobs.authority)
        )
        lines = [
            json.loads(line)
            for name in container.list_blob_names()
            for line in container.download_blob(name).readall().decode().splitlines()
        ]
    assert len(lines) == 8
    assert {line["correlationid"] for line in lines} == told
