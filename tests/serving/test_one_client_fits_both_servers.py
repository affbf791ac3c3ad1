"""One client, two servers: `mlflow models serve` of stock MLflow, and ours, answer the same to the same question."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import requests
from loopback.scoring import servers

from homologate.local import Services, program
from homologate.scorer import Scorer

TEXTS = [
    "The lamp from lot 7 cracked below the limit at 61 units.",
    "The hose from lot 12 held above the limit at 120 units. Tested twice.",
    'Ünïcödé, 名前 and 🚗; a "quote", a comma,\nand a new line',
]


@pytest.fixture(scope="module")
def stock(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`mlflow models serve`, untouched."""
    services = Services(tmp_path_factory.mktemp("stock"))

    def command(port: int) -> list[str]:
        words = ["models", "serve", "-m", str(model_directory), "--env-manager", "local", "--host", "127.0.0.1"]
        return [program("mlflow"), *words, "--port", str(port), "--workers", "1"]

    yield services.start("stock", command, about="tests", port=5410, ready="/ping", say=print).url
    services.stop()


@pytest.fixture(params=["stock", "ours"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("stock") if request.param == "stock" else request.getfixturevalue("server").url)


@pytest.fixture(scope="module")
def expected(model_directory: Path) -> list[tuple[str, float]]:
    scorer = Scorer(model_directory)
    return [(answer.label, answer.probability) for answer in map(scorer.answer, TEXTS)]


def table() -> str:
    out = io.StringIO()
    csv.writer(out).writerows([["text"], *([text] for text in TEXTS)])
    return out.getvalue()


FORMS: dict[str, Any] = {
    "inputs": {"inputs": TEXTS},
    "inputs as records": {"inputs": [{"text": text} for text in TEXTS]},
    "inputs as columns": {"inputs": {"text": TEXTS}},
    "instances": {"instances": [{"text": text} for text in TEXTS]},
    "dataframe_split": {"dataframe_split": {"columns": ["text"], "data": [[text] for text in TEXTS]}},
    "dataframe_split with an index": {
        "dataframe_split": {"columns": ["text"], "index": [4, 5, 6], "data": [[text] for text in TEXTS]}
    },
    "dataframe_split with more columns": {
        "dataframe_split": {"columns": ["id", "text"], "data": [[i, text] for i, text in enumerate(TEXTS)]}
    },
    "dataframe_records": {"dataframe_records": [{"text": text} for text in TEXTS]},
    "parameters": {"inputs": TEXTS, "params": {"explain": False, "precision": "", "component": "lamp"}},
    "dataframe_records with families": {"dataframe_records": [{"text": text, "component": "lamp"} for text in TEXTS]},
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_protocol_gives_the_scorers_answers(
    url: str, form: str, expected: list[tuple[str, float]]
) -> None:
    response = requests.post(f"{url}/invocations", json=FORMS[form], timeout=30)
    assert response.status_code == 200, response.text
    assert_same(response, expected)


def test_csv_gives_the_scorers_answers(url: str, expected: list[tuple[str, float]]) -> None:
    headers = {"Content-Type": "text/csv"}
    response = requests.post(f"{url}/invocations", data=table().encode(), headers=headers, timeout=30)
    assert_same(response, expected)


def test_words_come_on_request_and_add_up(url: str) -> None:
    asked = {"inputs": TEXTS[:1], "params": {"explain": True}}
    (prediction,) = requests.post(f"{url}/invocations", json=asked, timeout=30).json()["predictions"]
    assert set(prediction) == {"label", "probability", "threshold", "truncated", "words", "remainder", "bias"}
    assert all(TEXTS[0][word["start"] : word["end"]] == word["text"] for word in prediction["words"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[1]", 400),
        (b'{"texts": ["a"]}', 400),
        (b'{"inputs": ["a"], "instances": ["a"]}', 400),
        (b'{"dataframe_split": {"columns": ["words"], "data": [["a"]]}}', 400),
        (b'{"inputs": [""]}', 400),
    ],
)
def test_what_is_wrong_for_one_is_wrong_for_the_other(url: str, body: bytes, status: int) -> None:
    headers = {"Content-Type": "application/json"}
    assert requests.post(f"{url}/invocations", data=body, headers=headers, timeout=30).status_code == status


def test_an_unknown_media_type_is_415(url: str) -> None:
    response = requests.post(f"{url}/invocations", data=b"a", headers={"Content-Type": "text/plain"}, timeout=30)
    assert response.status_code == 415


@pytest.mark.parametrize("page", ["ping", "health", "version"])
def test_the_status_pages_answer_200(url: str, page: str) -> None:
    assert requests.get(f"{url}/{page}", timeout=10).status_code == 200


# MLflow's own client is imported in a process of its own: it warns about itself at import.
CLIENT = """
import json, sys, pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient
from urllib.parse import urlsplit
client = ScoringServerClient("127.0.0.1", urlsplit(sys.argv[1]).port)
client.wait_server_ready(timeout=20)
client.get_version()
answer = client.invoke(pd.DataFrame({"text": json.loads(sys.argv[2])}), params={"explain": False})
print(answer.get_predictions().to_json(orient="records"))
"""


def test_mlflows_own_client_reads_the_answers(url: str, expected: list[tuple[str, float]]) -> None:
    words = ["-W", "ignore", "-c", CLIENT, url, json.dumps(TEXTS)]
    done = subprocess.run([program("python"), *words], capture_output=True, text=True, check=True, env=os.environ)
    frame = pd.DataFrame(json.loads(done.stdout.splitlines()[-1]))
    assert frame["label"].tolist() == [label for label, _ in expected]


def test_both_give_identical_answers_on_texts_of_every_kind(stock: str, server: Any) -> None:
    texts = [f"lot {n} " + "cracked below the limit " * (n % 9) + chr(0x20 + 97 * n % 0xD000) for n in range(1, 160)]
    texts = [text for text in texts if text.strip()]
    found = [
        requests.post(f"{url}/invocations", json={"inputs": texts}, timeout=60).json()["predictions"]
        for url in (stock, server.url)
    ]
    assert [row["label"] for row in found[0]] == [row["label"] for row in found[1]]
    assert max(abs(a["probability"] - b["probability"]) for a, b in zip(*found, strict=True)) < 1e-6


def test_the_web_app_asks_the_stock_server_too_and_says_that_its_answers_have_no_id(
    stock: str, expected: list[tuple[str, float]], tmp_path: Path
) -> None:
    with servers(lambda: tmp_path) as start, requests.Session() as browser:
        app = start("--server", stock, verb="web")
        page = browser.post(app.url, data={"text": TEXTS[0]}, timeout=30)
        assert f'<h1 id="verdict">{expected[0][0]}</h1>' in page.text
        assert "no id: this answer cannot be disputed or traced" in page.text
        assert "cannot be disputed, and it cannot be traced" in page.text
        assert "does not say which version answers" in page.text
        assert '<ol class="strongest">' in page.text
        assert browser.post(page.url, data={"label": "compliant"}, timeout=30).status_code == 403
        several = browser.post(f"{app.url}/several", data={"texts": f"{TEXTS[0]}\n\u200b\n{TEXTS[1]}"}, timeout=30)
        assert several.text.count('class="fault"') == 1, several.text
        assert "To disagree needs a name" in browser.get(f"{app.url}/queue", timeout=30).text


def assert_same(response: requests.Response, expected: list[tuple[str, float]]) -> None:
    rows = response.json()["predictions"]
    assert [row["label"] for row in rows] == [label for label, _ in expected]
    assert [row["probability"] for row in rows] == pytest.approx([value for _, value in expected], abs=1e-6)
