"""A version beside the champion: clients get one answer, both are counted and recorded, and a bad canary goes home."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from waiting import until

from homologate.attest import digest_of
from serve.server._beside import wilson
from tests.serving.conftest import TEXTS

TEXT = TEXTS[0]


def ask(server: Any, times: int, text: str = TEXT) -> list[requests.Response]:
    with ThreadPoolExecutor(4) as crowd:
        responses = list(crowd.map(lambda n: server.score(f"{text} Tested {n} times."), range(times)))
    assert {response.status_code for response in responses} == {200}
    return responses


def standing(server: Any) -> dict[str, Any]:
    return server.health().json()["challenger"]  # type: ignore[no-any-return]


def test_in_the_shadow_clients_get_the_champions_answer_and_every_difference_is_counted(
    serve: Callable[..., Any], model_directory: Path, other_directory: Path
) -> None:
    server = serve(model_directory, "--challenger", other_directory, "--shadow-share", "1")
    assert requests.get(f"{server.url}/v1/challenger", timeout=10).status_code == 404
    responses = ask(server, 24)
    champion = digest_of(model_directory)
    assert {response.json()["model"]["digest"] for response in responses} == {champion}
    until(lambda: standing(server)["answers"] == 24, 20, "24 answers of both")
    told = requests.get(f"{server.url}/v1/challenger", timeout=10).json()
    assert (told["mode"], told["dropped"], told["failed"]) == ("shadow", 0, 0)
    assert told["champion"]["digest"] == champion
    assert told["challenger"]["digest"] == digest_of(other_directory)
    # The challenger stops only from 0.987 on, so every part the champion stopped below that is a difference.
    differ = {
        response.json()["prediction_id"]: response.json()["probabilities"]["non-compliant"]
        for response in responses
        if response.json()["threshold"] <= response.json()["probabilities"]["non-compliant"] < 0.987
    }
    assert {one["prediction_id"]: one["champion"]["probability"] for one in told["disagreements"]} == differ
    assert told["agreed"] == 24 - len(differ)
    assert told["agreement"] == wilson(told["agreed"], 24)
    assert 0 < told["latency_ms"]["p50"] <= told["latency_ms"]["p95"] <= told["latency_ms"]["p99"]
    assert server.metric("homologate_beside_total") == 24
    assert TEXT not in json.dumps(told)


def test_a_shadow_that_fails_is_counted_and_no_client_hears_of_it(
    serve: Callable[..., Any], model_directory: Path, failing_directory: Path
) -> None:
    server = serve(model_directory, "--challenger", failing_directory, "--shadow-share", "1")
    ask(server, 3, LONG)
    event = server.await_event("challenger_failed")
    assert event["fault"] == "ModelFault"
    until(lambda: requests.get(f"{server.url}/v1/challenger", timeout=10).json()["failed"] == 3, 10, "3 failures")


def test_of_the_share_named_and_no_more(
    serve: Callable[..., Any], model_directory: Path, other_directory: Path
) -> None:
    server = serve(model_directory, "--canary", other_directory, "--canary-share", "0.3", "--canary-disagreement", "1")
    versions = [response.headers["X-Model-Digest"] for response in ask(server, 150)]
    assert 20 <= versions.count(digest_of(other_directory)) <= 75
    roles = until(lambda: [e["role"] for e in server.events("request")][:150], 5, "log")
    assert {"champion", "canary"} == set(roles)


def test_a_caller_always_meets_the_same_version(
    serve: Callable[..., Any], model_directory: Path, other_directory: Path, tmp_path: Path
) -> None:
    from serve.server import add_key

    keys = {name: add_key(tmp_path / "keys", name) for name in map("caller-{}".format, range(12))}
    words = (
        "--canary",
        other_directory,
        "--canary-share",
        "0.5",
        "--canary-by",
        "caller",
        "--canary-disagreement",
        "1",
    )
    server = serve(model_directory, *words, "--api-keys", tmp_path / "keys")
    met = {}
    for name, key in keys.items():
        answers = [
            requests.post(f"{server.url}/v1/score", json={"text": TEXT}, headers={"X-API-Key": key}, timeout=10)
            for _ in range(3)
        ]
        met[name] = {answer.json()["model"]["digest"] for answer in answers}
    assert {len(versions) for versions in met.values()} == {1}
    assert set.union(*met.values()) == {digest_of(model_directory), digest_of(other_directory)}


LONG = "The lamp from lot 7 cracked below the limit at 61 units. " + "Tested twice. " * 12


@pytest.mark.parametrize(
    ("fault", "text", "because"),
    [
        ("failing_directory", LONG, "it failed on"),
        ("slow_directory", TEXT, "its 95th percentile is"),
        ("other_directory", TEXT, "texts differently"),
    ],
    ids=["failing", "slow", "disagreeing"],
)
def test_a_bad_canary_is_taken_back_by_itself_and_no_request_is_lost(
    serve: Callable[..., Any], model_directory: Path, request: Any, fault: str, text: str, because: str
) -> None:
    bad = request.getfixturevalue(fault)
    # A busy machine makes any version slow for a moment: only the slow one is held to the default.
    patient = () if fault == "slow_directory" else ("--canary-slower", "1000")
    server = serve(model_directory, "--canary", bad, "--canary-share", "0.5", *patient)
    asked = 0
    while not standing(server)["returned"] and asked < 400:
        ask(server, 20, text)
        asked += 20
    assert because in standing(server)["returned"]
    event = server.await_event("canary_returned")
    assert because in event["because"]
    assert server.metric("homologate_canary_returns_total") == 1
    assert server.metric("homologate_challenger_share") == 0
    after = ask(server, 12, text)
    assert {response.headers["X-Model-Digest"] for response in after} == {digest_of(model_directory)}
    assert server.stop() == 0


def test_a_good_canary_stays(serve: Callable[..., Any], model_directory: Path, twin_directory: Path) -> None:
    server = serve(model_directory, "--canary", twin_directory, "--canary-share", "0.5", "--canary-slower", "20")
    ask(server, 120)
    until(lambda: standing(server)["answers"] >= 40, 20, "answers of both")
    assert standing(server)["returned"] is None
    assert standing(server)["agreement"] == 1.0


def test_what_was_counted_becomes_signed_evidence_that_the_gate_finds(
    serve: Callable[..., Any],
    model_directory: Path,
    other_directory: Path,
    mlflow_server: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from mlflow import MlflowClient
    from mlflow.artifacts import download_artifacts

    from homologate.attest import load_trusted_keys, read_evidence, verify_envelope
    from homologate.cli import main
    from registry_promotion.shadow import shadow_files, shadow_runs

    server = serve(model_directory, "--challenger", other_directory, "--shadow-share", "1")
    file = tmp_path / "homologate.yaml"
    file.write_text(json.dumps({"home": str(tmp_path), "experiment": "shadow"}))
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):  # the second is what the command would leave behind
        monkeypatch.setenv(variable, mlflow_server)
    words = ["shadow", "--server", server.url, "--settings", str(file), "--json"]
    assert main(words) == 8
    assert "no text was answered by two versions yet" in capsys.readouterr().err
    ask(server, 24)
    until(lambda: standing(server)["answers"] == 24, 20, "24 answers of both")
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    digest = digest_of(other_directory)
    assert (told["digest"], told["answers"]) == (digest, 24)
    client = MlflowClient(tracking_uri=mlflow_server)
    (run,) = shadow_runs(client, client.get_experiment_by_name("shadow").experiment_id, digest)

    def read(location: str) -> dict[str, bytes]:
        return read_evidence(download_artifacts(location, dst_path=str(tmp_path / "got"), tracking_uri=mlflow_server))

    files = shadow_files([run], read)
    statement = verify_envelope(files["shadow/shadow.intoto.json"], load_trusted_keys(tmp_path))
    assert (statement.kind, statement.subject) == ("shadow", digest)
    facts = json.loads(files["shadow/shadow.json"])
    assert facts["champion"]["digest"] == digest_of(model_directory)
    assert facts["agreement"]["low"] <= facts["agreement"]["value"] < facts["agreement"]["high"]
    assert facts["latency_ms"]["p95"] > 0
    assert b"<h2" in files["shadow/shadow.html"]


def test_one_version_beside_it_and_no_more(model_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from homologate.cli import main

    words = ["--challenger", str(model_directory), "--canary", str(model_directory)]
    assert main(["serve", str(model_directory), "--port", "0", *words]) == 2
    assert "one version can stand beside it" in capsys.readouterr().err
