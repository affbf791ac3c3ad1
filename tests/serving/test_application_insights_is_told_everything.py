"""Microsoft's distribution of OpenTelemetry sends request, dependency, exception and metrics, and never the text."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from loopback.kept import kept

from homologate.attest import sha256_of
from homologate.cli import main
from homologate.local import program
from tests.serving.test_a_promoted_version_takes_over import House, house

__all__ = ["house"]

ROOT = Path(__file__).resolve().parents[2]
PRIVATE = "Oldenburg"
LONG = f"The lamp cracked below the limit. {PRIVATE}. " * 12
"""More than thirty tokens: `failing_directory` fails on it."""


@pytest.fixture(scope="session")
def distribution() -> Path:
    """A folder with what requirements/appinsights.txt holds beside the lock."""
    wanted = ROOT / "requirements" / "appinsights.txt"

    def install(folder: Path) -> None:
        command = [program("uv"), "pip", "install", "--python", sys.executable, "--no-deps", "--require-hashes"]
        done = subprocess.run([*command, "--target", folder, "-r", wanted], capture_output=True, text=True)
        if done.returncode:
            told = f"the distribution for Application Insights cannot be installed: {done.stderr[-300:]}"
            pytest.fail(told) if os.environ.get("CI") == "true" else pytest.skip(told)

    return kept(f"appinsights-{sha256_of(wanted.read_bytes())[7:19]}", install)


@pytest.fixture
def ingestion() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A connection string, and what arrives there."""
    got: list[dict[str, Any]] = []

    class Ingestion(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            items = json.loads(body)
            got.extend(items)
            answer = json.dumps({"itemsReceived": len(items), "itemsAccepted": len(items), "errors": []}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Ingestion) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        where = f"IngestionEndpoint=http://127.0.0.1:{http.server_address[1]}/"
        yield f"InstrumentationKey=00000000-0000-0000-0000-000000000001;{where}", got
        http.shutdown()


def of_kind(got: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [item["data"]["baseData"] for item in got if item["data"]["baseType"] == kind]


def test_application_insights_is_told_the_same_by_connection_string_alone(
    serve: Callable[..., Any],
    house: House,
    failing_directory: Path,
    distribution: Path,
    ingestion: tuple[str, list[dict[str, Any]]],
) -> None:
    connection, got = ingestion
    version = house.register(failing_directory, stage="Production")
    paths = os.pathsep.join(filter(None, [str(distribution), os.environ.get("PYTHONPATH", "")]))
    told = {"APPLICATIONINSIGHTS_CONNECTION_STRING": connection, "PYTHONPATH": paths, "MLFLOW_TRACKING_URI": house.uri}
    server = serve(f"models:/{house.name}/Production", "--poll", "0.2", environment=told)
    answers = [server.score(f"Lamp {number} {PRIVATE}") for number in range(20)]
    assert {answer.status_code for answer in answers} == {200}
    assert server.score(LONG).status_code == 500
    assert server.stop() == 0

    asked = [request for request in of_kind(got, "RequestData") if request["name"] == "POST /v1/score"]
    assert len(asked) == 21, "every request is told, none is sampled away"
    ids = {answer.json()["prediction_id"] for answer in answers}
    assert ids <= {request["properties"]["homologate.prediction_id"] for request in asked if request["success"]}
    assert [request["responseCode"] for request in asked if not request["success"]] == ["500"]

    # A call to the registry that the end of the server cut short may be one too.
    [fault] = [told for told in of_kind(got, "ExceptionData") if "homologate.request_id" in told["properties"]]
    [error] = fault["exceptions"]
    assert error["typeName"] == "ModelError"
    assert "_judging.py" in error["stack"]
    assert fault["properties"]["homologate.version"] == version

    called = {dependency["data"] for dependency in of_kind(got, "RemoteDependencyData")}
    assert called, "the registry is asked again and again whether the version is still in Production"
    assert all(address.startswith(house.uri) for address in called), called

    counted = {
        point["name"]: metric["properties"] for metric in of_kind(got, "MetricData") for point in metric["metrics"]
    }
    assert counted["homologate.verdicts"]["homologate.version"] == version
    messages = [message["message"] for message in of_kind(got, "MessageData")]
    assert {"ready", "request", "leaving"} <= set(messages)
    assert messages.count("leaving") == 1, "each event is told once"
    assert PRIVATE not in json.dumps(got)
    assert "Traceback" not in server.log.read_text()

    [request, *_] = [request for request in asked if request["success"]]
    for query in sorted((ROOT / "azure" / "queries").glob("*.kql")):
        text = query.read_text()
        fields = re.findall(r"Properties\['([^']+)'\]", text)
        if "AppRequests" in text:
            assert {*fields, "homologate.request_id"} <= request["properties"].keys(), query.stem
        for metric in re.findall(r"Name == '([^']+)'", text):
            assert set(fields) <= counted[metric].keys(), query.stem


def test_application_insights_without_its_distribution_says_what_to_install(
    model_directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("APPLICATIONINSIGHTS_CONNECTION_STRING", "InstrumentationKey=0")
    monkeypatch.setitem(sys.modules, "azure.monitor.opentelemetry", None)
    assert main(["serve", str(model_directory), "--port", "0"]) == 2
    assert "requirements/appinsights.txt" in capsys.readouterr().err
