"""What was judged stays as it was judged: model, evidence and runs, by every route that writes or deletes."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"


class Judged(NamedTuple):
    version: str
    run_id: str
    root: str
    """The run's artifacts, below the artifact root."""
    evidence_root: str
    folder: Path


@pytest.fixture(scope="module")
def judged(gated: Any, make_version: Callable[..., str]) -> Judged:
    """A version that somebody asked to promote."""
    number = make_version(gated)
    gated.requested(number)
    known = gated.client("ann").get_model_version("brakes", number)
    evidence = gated.client("ann").get_run(known.tags["homologate.evidence_run"]).info.artifact_uri
    root = urlsplit(known.source).path.strip("/").removesuffix("/model")
    return Judged(number, known.run_id, root, urlsplit(evidence).path.strip("/"), gated.home / "artifacts" / root)


def _all_bytes(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.parametrize("person", ["dan", "admin"])
@pytest.mark.parametrize(
    "spelling",
    [
        "{root}/model/model.onnx",
        "{root}/model/new-file",
        "{root}//model//model.onnx",
        "{root}/./model/model.onnx",
        "{root}/x/../model/model.onnx",
        "{root}/x/%2e%2e/model/model.onnx",
        "{root}/x%2f..%2fmodel/model.onnx",
        "{root}/%6dodel/model.onnx",
        "{root}/%256dodel/model.onnx",
        "{root}/%25256dodel/model.onnx",
        "{root}/MODEL/model.onnx",
        "{root}/model%2fmodel.onnx",
        "{root}/model/code/homologate_scorer/__init__.py",
        "/{root}/model/model.onnx",
        "x/../{root}/model/model.onnx",
    ],
)
def test_no_spelling_of_a_path_writes_to_a_judged_version(
    gated: Any, judged: Judged, spelling: str, person: str
) -> None:
    before = _all_bytes(judged.folder)
    path = spelling.format(root=judged.root)
    for prefix in (ARTIFACTS, ARTIFACTS.replace("/api/", "/ajax-api/")):
        for method in ("PUT", "DELETE"):
            assert gated.ask(person, method, f"{prefix}/{path}", b"evil").status >= 300
    assert _all_bytes(judged.folder) == before


def test_the_refusal_is_mlflows_own_and_says_what_to_do(gated: Any, judged: Judged) -> None:
    answer = gated.ask("dan", "PUT", f"{ARTIFACTS}/{judged.root}/model/model.onnx", b"evil")
    assert answer.status == 403
    assert answer.json["error_code"] == "PERMISSION_DENIED"
    assert "a version that was judged" in answer.json["message"]
    assert "in a new run" in answer.json["message"]
    assert str(gated.home) not in answer.text


def test_a_folder_that_holds_a_judged_version_cannot_be_deleted(gated: Any, judged: Judged) -> None:
    experiment = judged.root.split("/")[0]
    for path in (judged.root, f"{judged.root}/model", judged.root.rsplit("/", 1)[0], experiment):
        assert gated.ask("admin", "DELETE", f"{ARTIFACTS}/{path}").status == 403
    assert (judged.folder / "model" / "model.onnx").exists()


def test_the_evidence_of_a_judged_version_cannot_be_changed(gated: Any, judged: Judged) -> None:
    before = _all_bytes(gated.home / "artifacts" / judged.evidence_root)
    path = f"{ARTIFACTS}/{judged.evidence_root}/evidence/evaluation/evaluation.json"
    assert gated.ask("admin", "PUT", path, b"{}").status == 403
    assert gated.ask("admin", "DELETE", path).status == 403
    assert _all_bytes(gated.home / "artifacts" / judged.evidence_root) == before


def test_the_upload_of_the_ui_is_guarded_too(gated: Any, judged: Judged) -> None:
    path = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={judged.run_id}&path=model/model.onnx"
    assert gated.ask("admin", "POST", path, b"evil").status == 403


@pytest.mark.parametrize("step", ["create", "complete", "abort"])
def test_multipart_uploads_are_guarded_too(gated: Any, judged: Judged, step: str) -> None:
    body = {"path": "model.onnx", "num_parts": 1, "upload_id": "x", "parts": [{"part_number": 1, "etag": "x"}]}
    path = f"/api/2.0/mlflow-artifacts/mpu/{step}/{judged.root}/model"
    assert gated.ask("admin", "POST", path, body).status >= 400


def test_no_address_to_upload_to_is_given_out(gated: Any, judged: Judged) -> None:
    body = {"run_id": judged.run_id, "path": "model/model.onnx"}
    answer = gated.ask("admin", "POST", "/api/2.0/mlflow/artifacts/presigned-upload-url", body)
    assert answer.status == 403
    assert "upload through the server" in answer.json["message"]


def test_an_experiment_laid_over_a_judged_version_writes_nothing_into_it(gated: Any, judged: Judged) -> None:
    dan = gated.client("dan")
    before = _all_bytes(judged.folder)
    experiment = dan.create_experiment("over", artifact_location=f"mlflow-artifacts:/{judged.root}/model")
    run = dan.create_run(experiment)
    with pytest.raises(Exception, match="403"):
        dan.log_text(run.info.run_id, "evil", "model.onnx")
    assert _all_bytes(judged.folder) == before


def test_the_runs_a_decision_rests_on_cannot_be_deleted(gated: Any, judged: Judged) -> None:
    admin = gated.client("admin")
    run = admin.get_run(judged.run_id)
    with pytest.raises(Exception, match="a version that was judged rests on it"):
        admin.delete_run(judged.run_id)
    with pytest.raises(Exception, match="a version that was judged rests on it"):
        admin.delete_experiment(run.info.experiment_id)


def test_a_judged_version_cannot_be_deleted(gated: Any, judged: Judged) -> None:
    with pytest.raises(Exception, match="part of the record"):
        gated.client("admin").delete_model_version("brakes", judged.version)


def test_the_tags_that_say_where_the_evidence_is_are_fixed_once_judged(gated: Any, judged: Judged) -> None:
    for key in ("homologate.evidence_run", "homologate.digest"):
        with pytest.raises(Exception, match="PERMISSION_DENIED"):
            gated.client("dan").set_model_version_tag("brakes", judged.version, key, "other")
        with pytest.raises(Exception, match="PERMISSION_DENIED"):
            gated.client("dan").delete_model_version_tag("brakes", judged.version, key)


def test_an_upload_under_way_when_its_version_was_judged_is_thrown_away(
    gated: Any, make_version: Callable[..., str]
) -> None:
    number = make_version(gated)
    root = urlsplit(gated.client("ann").get_model_version("brakes", number).source).path.strip("/")
    folder = gated.home / "artifacts" / root
    before = _all_bytes(folder)
    line = http.client.HTTPConnection(urlsplit(gated.url).netloc, timeout=60)
    line.putrequest("PUT", f"{ARTIFACTS}/{root}/model.onnx")
    sign_in = gated.sign_in("dan")
    line.putheader("Authorization", sign_in)
    line.putheader("Transfer-Encoding", "chunked")
    line.endheaders()
    line.send(b"4\r\nevil\r\n")
    deadline = time.monotonic() + 20
    while not list(folder.glob(".artifact.uploading.*")):
        assert time.monotonic() < deadline, "the server never began to store the upload"
        time.sleep(0.05)
    gated.requested(number)
    line.send(b"0\r\n\r\n")
    assert line.getresponse().status == 403
    line.close()
    assert _all_bytes(folder) == before


def test_runs_that_no_decision_rests_on_are_written_as_ever(gated: Any) -> None:
    dan = gated.client("dan")
    run = dan.create_run(dan.create_experiment("free to write"))
    dan.log_text(run.info.run_id, "one", "model/a.txt")
    dan.log_text(run.info.run_id, "two", "model/a.txt")
    assert dan.list_artifacts(run.info.run_id, "model")[0].path == "model/a.txt"
    path = f"{ARTIFACTS}/{urlsplit(run.info.artifact_uri).path.strip('/')}/model/a.txt"
    assert gated.ask("dan", "DELETE", path).status == 200
    dan.delete_run(run.info.run_id)
