"""The endpoint's script on Azure ML's real inference server: approved bytes only, one contract, all collected."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from loopback.azurite import free_port
from loopback.issuer import issuing
from loopback.scoring import servers
from loopback.workspace import logged_in
from waiting import until

from homologate.attest import digest_of
from homologate.collection import feedback, recent_of
from homologate.local import program
from homologate.model_directory import build
from homologate.scorer import Scorer
from homologate.settings import load_settings
from serve.deploy import scoring_code

ROOT = Path(__file__).resolve().parents[2]
TEXTS = [
    "The lamp from lot 7 cracked below the limit at 61 units.",
    "The hose from lot 12 held above the limit at 120 units. Tested twice.",
]


@dataclass
class Collected:
    """What Azure ML's collector sent to the agent that writes it to storage."""

    port: int = 0
    events: list[tuple[dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def collected() -> Iterator[Collected]:
    """The agent that stands beside an endpoint's container."""
    told = Collected()

    class Agent(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.events.append(({k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Agent)
    told.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def mounted(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`AZUREML_MODEL_DIR` with a registered folder in it."""
    mount = tmp_path_factory.mktemp("azureml-models")
    build(tiny_model, mount / "model", reference={}, texts=TEXTS, run_id="0" * 32, metadata={})
    return mount


@pytest.fixture(scope="module")
def start(
    azure_environment: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., tuple[str, subprocess.Popen[bytes], Path]]]:
    """Starts the inference server on a mount; all end with the module."""
    python = azure_environment("azure-online")
    code = scoring_code(tmp_path_factory.mktemp("code") / "code", ROOT / "azure" / "online" / "score.py")
    running: list[subprocess.Popen[bytes]] = []

    def begin(mount: Path, **variables: str) -> tuple[str, subprocess.Popen[bytes], Path]:
        port, log = free_port(), tmp_path_factory.mktemp("inference") / "log"
        words = [str(python), "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-w", "1", "--no-control-socket"]
        environment = {
            "PATH": os.environ["PATH"],
            "AZUREML_ENTRY_SCRIPT": str(code / "score.py"),
            "AZUREML_MODEL_DIR": str(mount),
            "AML_APP_ROOT": str(code),
            "PYTHONPATH": str(code),
            **variables,
        }
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [*words, "azureml_inference_server_http.server.entry:app"],
                env=environment, cwd=code, stdout=sink, stderr=sink,
            )  # fmt: skip
        running.append(process)
        return f"http://127.0.0.1:{port}", process, log

    yield begin
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def endpoint(
    start: Callable[..., tuple[str, subprocess.Popen[bytes], Path]], mounted: Path, collected: Collected
) -> str:
    url, process, log = start(
        mounted,
        HOMOLOGATE_DIGEST=digest_of(mounted / "model"),
        HOMOLOGATE_VERSION="7",
        AZUREML_MDC_ENABLED="true",
        AZUREML_MDC_HOST="127.0.0.1",
        AZUREML_MDC_PORT=str(collected.port),
    )
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(requests.RequestException):
            if requests.get(url, timeout=5).ok:
                return url
        time.sleep(0.1)
    pytest.fail(log.read_text())


def score(url: str, body: Any, **headers: str) -> requests.Response:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return requests.post(f"{url}/score", data=data, headers={"Content-Type": "application/json", **headers}, timeout=60)


def test_the_endpoint_gives_the_scorers_own_answers_in_every_form(endpoint: str, mounted: Path) -> None:
    scorer = Scorer(mounted / "model")
    expected = [scorer.answer(text) for text in TEXTS]
    table = {"columns": ["text"], "data": [[text] for text in TEXTS]}
    for body in (
        {"inputs": TEXTS},
        {"input_data": table},
        {"input_data": TEXTS},
        {"dataframe_split": table},
        {"dataframe_records": [{"text": text} for text in TEXTS]},
    ):
        answers = score(endpoint, body).json()["predictions"]
        assert [answer["label"] for answer in answers] == [answer.label for answer in expected]
        assert [answer["probability"] for answer in answers] == pytest.approx(
            [a.probability for a in expected], abs=1e-6
        )


def test_every_answer_names_digest_version_and_prediction(endpoint: str, mounted: Path) -> None:
    answer = score(endpoint, {"inputs": TEXTS[:1]}, **{"x-ms-request-id": "prediction-1"})
    assert answer.headers["X-Model-Digest"] == digest_of(mounted / "model")
    assert answer.headers["X-Model-Version"] == "7"
    assert answer.headers["X-Prediction-Id"] == answer.json()["prediction_id"] == "prediction-1"


def test_words_are_given_on_request(endpoint: str) -> None:
    [answer] = score(endpoint, {"inputs": TEXTS[:1], "params": {"explain": True}}).json()["predictions"]
    assert {word["text"] for word in answer["words"]} >= {"lamp", "cracked"}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "the body is not JSON"),
        ([1], "not a JSON object"),
        ({"texts": ["a"]}, "no texts in the body"),
        ({"inputs": [""]}, "empty"),
        ({"inputs": [None]}, "text 0"),
        ({"inputs": ["a"] * 1001}, "1001 texts"),
        ({"inputs": ["a"], "params": {"colour": "red"}}, "no parameter 'colour'"),
        ({"inputs": [{"text": "a", "component": 3}]}, "component = 3"),
    ],
    ids=["no JSON", "a list", "no form", "empty text", "null", "too many", "unknown parameter", "bad family"],
)
def test_a_question_that_cannot_be_answered_gets_400_and_the_one_error_shape(
    endpoint: str, body: Any, says: str
) -> None:
    answer = score(endpoint, body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"type", "message", "place", "legal", "next"}
    assert says in f"{error['message']} {error['place']}"


def test_inputs_and_outputs_reach_azures_collector_joined_by_the_prediction(
    endpoint: str, collected: Collected
) -> None:
    inputs, outputs = told_to_azure(endpoint, collected, {"inputs": TEXTS})
    assert inputs == [{"text": text} for text in TEXTS]
    assert [sorted(row) for row in outputs] == [["label", "probability"]] * len(TEXTS)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [{"text": TEXTS[0], "component": "lamp"}, {"text": TEXTS[1]}]},
        {"dataframe_split": {"columns": ["component", "text"], "data": [["lamp", TEXTS[0]], [None, TEXTS[1]]]}},
        {"inputs": {"text": TEXTS, "component": ["lamp", ""]}},
    ],
    ids=["records", "split", "columns"],
)
def test_the_family_of_each_row_reaches_azures_collector(endpoint: str, collected: Collected, body: Any) -> None:
    for params, families in (({}, ["lamp", ""]), ({"component": "hose"}, ["lamp", "hose"])):
        inputs, _ = told_to_azure(endpoint, collected, {**body, "params": params})
        assert inputs == [{"text": t, "component": f} for t, f in zip(TEXTS, families, strict=True)]


def told_to_azure(endpoint: str, collected: Collected, body: Any) -> tuple[list[Any], list[Any]]:
    """Ask, and return the two tables that the collector sent about it."""
    named = uuid.uuid4().hex
    assert score(endpoint, body, **{"x-ms-request-id": named}).status_code == 200
    deadline = time.monotonic() + 20
    mine: list[Any] = []
    while time.monotonic() < deadline and len(mine) < 2:
        mine = [table for header, table in collected.events if named in header.values()]
        time.sleep(0.05)
    inputs, outputs = sorted(mine, key=lambda table: "text" not in table[0])
    return inputs, outputs


def test_technicians_ask_the_endpoint_and_disagree_under_their_verified_names(
    endpoint: str, mounted: Path, tmp_path: Path
) -> None:
    """The web app asks as itself, keeps what it was answered, and takes feedback and queue from the settings' store."""
    logged_in(tmp_path / "bin", "a token")
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    nobody = {
        "PATH": path,
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "AZURE_TOKEN_CREDENTIALS": "AzureCliCredential",
    }
    (tmp_path / "settings.yaml").write_text(json.dumps({"model": "parts", "home": str(tmp_path)}))
    header = "X-MS-TOKEN-AAD-ID-TOKEN"
    with issuing() as issuer, servers(lambda: tmp_path) as start, requests.Session() as browser:
        words = ("--azure", "--server", f"{endpoint}/score", "--settings", tmp_path / "settings.yaml")
        oidc = ("--token-header", header, "--oidc-issuer", issuer.url, "--oidc-audience", "homologate")
        app = start(*words, *oidc, verb="web", environment=nobody)
        browser.headers[header] = issuer.token(sub="7f3c", preferred_username="ada@plant.example")
        empty = browser.get(f"{app.url}/queue", timeout=30).text
        assert "<h1>Nothing to label</h1>" in empty
        assert "That is not to say that the version is right about all of them" in empty
        page = browser.post(app.url, data={"text": TEXTS[0]}, timeout=30)
        assert page.status_code == 200, page.text
        assert f"{digest_of(mounted / 'model')}</dd>" in page.text
        assert "parts version 7" in page.text or "the model version 7" in page.text
        assert '<ol class="strongest">' in page.text

        def queued() -> str:
            found = browser.get(f"{app.url}/queue", timeout=30).text
            return found if TEXTS[0] in found else ""

        assert "Which words are new to the version cannot be told" in until(queued, 10, "text in the queue")
        told = browser.post(page.url, data={"label": "compliant", "note": "104 units"}, timeout=30)
        assert "A second person reviews it" in told.text, told.text
        assert TEXTS[0] not in browser.get(f"{app.url}/queue", timeout=30).text
        (said,) = feedback(recent_of(load_settings(tmp_path / "settings.yaml")), "parts")
        assert (said.by, said.label, said.version, said.review) == ("oidc:7f3c", "compliant", "7", None)
        assert app.stop() == 0


@pytest.mark.parametrize("approved", ["", f"sha256:{'0' * 64}"], ids=["nothing approved", "other bytes"])
def test_bytes_that_were_not_approved_are_never_served(
    start: Callable[..., tuple[str, subprocess.Popen[bytes], Path]], mounted: Path, approved: str
) -> None:
    url, process, log = start(mounted, HOMOLOGATE_DIGEST=approved)
    assert process.wait(60) != 0
    assert "approved was" in log.read_text()
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=2)


def test_the_scoring_environment_is_the_locked_one(azure_environment: Callable[[str], Path]) -> None:
    listed = subprocess.run(
        [program("uv"), "pip", "freeze", "--python", str(azure_environment("azure-online"))],
        capture_output=True, text=True, check=True,
    ).stdout.lower()  # fmt: skip
    for line in (ROOT / "requirements" / "azure-online.txt").read_text().splitlines():
        if "==" in line:
            assert line.split(" ")[0].split(";")[0] in listed, f"{sys.executable} is not that environment"
