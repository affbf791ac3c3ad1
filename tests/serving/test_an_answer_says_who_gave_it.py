"""Every answer names its version, its bytes and itself; logs and metrics tell the same and never hold a text."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests

from homologate.attest import digest_of
from homologate.cli import main
from homologate.errors import ModelError, RefusedError
from homologate.scorer import Scorer
from serve.server import open_model

TEXT = "The lamp from lot 7 cracked below the limit at 61 units."
PRIVATE = "zebra-crossing-in-Oldenburg"


def test_body_and_headers_name_model_version_digest_and_prediction(server: Any, model_directory: Path) -> None:
    for response in (server.score(TEXT), server.invoke({"inputs": [TEXT]})):
        told = response.json()
        digest = digest_of(model_directory)
        assert told["model"] == {"name": "model", "version": "unregistered", "digest": digest, "precision": "fp32"}
        assert response.headers["X-Model-Name"] == "model"
        assert response.headers["X-Model-Version"] == "unregistered"
        assert response.headers["X-Model-Digest"] == digest
        assert response.headers["X-Prediction-Id"] == told["prediction_id"]
    assert server.score(TEXT).json()["prediction_id"] != server.score(TEXT).json()["prediction_id"]


def test_the_answer_is_the_scorers(server: Any, model_directory: Path) -> None:
    expected = Scorer(model_directory).answer(TEXT, explain=True)
    told = server.score(TEXT, explain=True).json()
    assert told["label"] == expected.label
    assert told["threshold"] == expected.threshold
    assert told["probabilities"]["non-compliant"] == expected.probability
    assert [word["contribution"] for word in told["words"]] == [word.contribution for word in expected.words]
    total = told["bias"] + told["remainder"] + sum(word["contribution"] for word in told["words"])
    assert total == pytest.approx(expected.logit)
    assert not {"words", "bias", "remainder", "explained_by"} & server.score(TEXT).json().keys()


def test_the_slow_explanation_is_occlusion_and_the_words_still_carry_the_whole_verdict(
    server: Any, model_directory: Path
) -> None:
    scorer = Scorer(model_directory)
    whole = scorer.answer(TEXT, explain=True)
    told = server.score(TEXT, explain="occlusion").json()
    assert (told["label"], told["explained_by"]) == (whole.label, "occlusion")
    for word in told["words"]:
        without = scorer.answer(TEXT[: word["start"]] + TEXT[word["end"] :])
        assert word["contribution"] == pytest.approx(whole.logit - without.logit, abs=1e-4)
    total = told["bias"] + told["remainder"] + sum(word["contribution"] for word in told["words"])
    assert total == pytest.approx(whole.logit, abs=1e-4)
    assert server.score("lamp", explain="occlusion").status_code == 200
    assert server.score(TEXT, explain=True).json()["explained_by"] == "shares"


def test_a_verdict_never_depends_on_who_else_is_in_the_request(server: Any) -> None:
    texts = [f"The hose from lot {n} " + "held above the limit. " * (n % 7) for n in range(100)]
    together = server.invoke({"inputs": texts}).json()["predictions"]
    for text, row in list(zip(texts, together, strict=True))[::9]:
        alone = server.score(text).json()
        assert alone["label"] == row["label"]
        assert alone["probabilities"]["non-compliant"] == pytest.approx(row["probability"], abs=1e-6)


def test_logs_tell_the_prediction_and_never_the_text(server: Any) -> None:
    response = server.score(f"{TEXT} {PRIVATE}")
    server.invoke({"inputs": [{"text": PRIVATE, "more": 1}, {"words": PRIVATE}]})
    server.invoke({"inputs": ["\u200b", PRIVATE]})
    server.told(requests.get(f"{server.url}/{PRIVATE}", timeout=10))
    told = server.told(response)
    assert told["prediction_id"] == response.json()["prediction_id"]
    assert told["label"] == response.json()["label"]
    assert told["digest"] == response.json()["model"]["digest"]
    assert told["status"] == 200
    assert told["ms"] > 0
    assert PRIVATE not in server.log.read_text()
    assert TEXT not in server.log.read_text()
    assert PRIVATE not in requests.get(f"{server.url}/metrics", timeout=10).text


def test_metrics_are_what_prometheus_reads(server: Any) -> None:
    from prometheus_client.parser import text_string_to_metric_families

    server.score(TEXT)
    page = requests.get(f"{server.url}/metrics", timeout=10)
    assert page.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = {family.name: family for family in text_string_to_metric_families(page.text)}
    assert {"homologate_requests", "homologate_verdicts", "homologate_request_seconds"} <= families.keys()
    (model,) = families["homologate_model"].samples
    assert model.labels["digest"].startswith("sha256:")
    assert "process_resident_memory_bytes" in families


def test_the_openapi_document_is_true(server: Any) -> None:
    document = requests.get(f"{server.url}/openapi.json", timeout=10).json()
    telling = {"/ping", "/health", "/version", "/metrics", "/v1/challenger", "/v1/caller"}
    assert document["paths"].keys() == {"/v1/score", "/invocations"} | telling
    score = document["paths"]["/v1/score"]["post"]
    asked = score["requestBody"]["content"]["application/json"]
    answer = requests.post(f"{server.url}/v1/score", json=asked["example"], timeout=10)
    assert answer.status_code == 200
    schemas = {"components": document["components"]}
    jsonschema.validate(answer.json(), schemas | score["responses"]["200"]["content"]["application/json"]["schema"])
    refused = requests.post(f"{server.url}/v1/score", json={}, timeout=10).json()
    jsonschema.validate(refused, schemas | score["responses"]["400"]["content"]["application/json"]["schema"])
    for named in document["paths"]["/invocations"]["post"]["requestBody"]["content"]["application/json"][
        "examples"
    ].values():
        told = server.invoke(named["value"])
        assert told.status_code == 200
        shape = document["paths"]["/invocations"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema.validate(told.json(), schemas | shape)
    assert set(score["responses"]) >= {"200", "400", "401", "413", "415", "429", "503", "504"}


def test_bytes_other_than_those_named_never_become_ready(
    model_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["serve", str(model_directory), "--port", "0", "--digest", f"sha256:{'0' * 64}"]
    assert main(words) == RefusedError.exit_code
    assert "its bytes were changed" in capsys.readouterr().err


def test_a_model_that_lies_about_its_words_never_becomes_ready(model_directory: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    shutil.copytree(model_directory, broken)
    facts = json.loads((broken / "scorer.json").read_text())
    (broken / "scorer.json").write_text(json.dumps(facts | {"bias": facts["bias"] + 1.0}))
    with pytest.raises(ModelError, match="golden probe"):
        open_model(broken, name="m", version="1", reference="m")
    (broken / "input_example.json").write_text('{"columns": ["text"], "data": []}')
    with pytest.raises(ModelError, match="nothing to probe with"):
        open_model(broken, name="m", version="1", reference="m")


@pytest.mark.parametrize("file", ["model.onnx", "tokenizer.json", "scorer.json", "input_example.json"])
def test_a_truncated_directory_never_becomes_ready(file: str, model_directory: Path, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    shutil.copytree(model_directory, broken)
    (broken / file).write_bytes((broken / file).read_bytes()[:50])
    with pytest.raises(ModelError):
        open_model(broken, name="m", version="1", reference="m")


def test_the_server_imports_neither_torch_nor_mlflow_nor_pandas(model_directory: Path) -> None:
    code = (
        "import sys; from pathlib import Path; import serve.verbs.serve; from serve.server import *; "
        "from serve.server import open_model, create_app; "
        f"open_model(Path({str(model_directory)!r}), name='m', version='1', reference='m'); "
        "print([m for m in ('torch', 'transformers', 'mlflow', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_port_that_is_taken_is_told_before_anything_is_loaded(
    server: Any, model_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = server.url.rpartition(":")[2]
    assert main(["serve", str(model_directory), "--port", port]) == 8
    assert f"cannot listen on 127.0.0.1 port {port}" in capsys.readouterr().err
