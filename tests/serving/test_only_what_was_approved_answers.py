"""`--require`: a version answers only with its evidence and the gate's decision for its stage, about these bytes."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from homologate.attest import SBOM_FILE, digest_of, sbom_of
from homologate.cli import main
from homologate.errors import RefusedError
from tests.conftest import bundle_about
from tests.gate.conftest import MODEL, PASSWORD, Gated, start


@pytest.fixture(scope="module")
def gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gated]:
    """A gated MLflow server of this file's own."""
    server = start(tmp_path_factory.mktemp("gate"))
    yield server
    server.services.stop()


@pytest.fixture(scope="module")
def complete(model_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with its bill of materials."""
    directory = tmp_path_factory.mktemp("complete") / "model"
    shutil.copytree(model_directory, directory)
    (directory / SBOM_FILE).write_text(sbom_of(directory, name="parts", version="run-1"))
    return directory


@pytest.fixture
def registered(gated: Gated, complete: Path, tmp_path: Path) -> Callable[[], str]:
    """Registers the tiny model, as ann, with complete evidence signed by a key the gate trusts."""

    def register() -> str:
        made = bundle_about(complete, tmp_path)
        trusted = gated.home / "keys" / "trusted"
        trusted.mkdir(parents=True, exist_ok=True)
        for key in (tmp_path / "keys" / "trusted").glob("*.pem"):
            shutil.copy(key, trusted)
        client = gated.client("ann")
        run = client.create_run("0").info
        client.log_artifacts(run.run_id, str(made.model), "model")
        client.log_artifacts(run.run_id, made.write_evidence(tmp_path / "evidence"), "evidence")
        if not client.search_registered_models(f"name = '{MODEL}'"):
            client.create_registered_model(MODEL)
        tags = {"homologate.digest": made.digest, "homologate.evidence_run": run.run_id}
        source = f"{run.artifact_uri}/model"
        return str(client.create_model_version(MODEL, source, run.run_id, tags=tags, await_creation_for=0).version)

    return register


@pytest.fixture
def follow(serve: Callable[..., Any], gated: Gated) -> Callable[..., Any]:
    """Starts a server of the gated registry that requires a decision."""
    environment = {
        "MLFLOW_TRACKING_URI": gated.url,
        "MLFLOW_TRACKING_USERNAME": "dan",
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        "HOMOLOGATE_TRUSTED_KEYS": str(gated.home / "keys" / "trusted"),
    }

    def begin(reference: str, *words: str, ready: bool = True) -> Any:
        return serve(reference, "--poll", "0.2", *words, ready=ready, environment=environment)

    return begin


def refused(server: Any) -> str:
    assert server.process.wait(timeout=60) == RefusedError.exit_code, server.log.read_text()
    return str(server.log.read_text())


def test_an_approved_version_answers_and_one_the_ledger_does_not_know_never_does(
    gated: Gated, registered: Callable[[], str], follow: Callable[..., Any], complete: Path
) -> None:
    first = registered()
    assert "the ledger does not have" in refused(
        follow(f"models:/{MODEL}/{first}", "--require", "production", ready=False)
    )
    gated.promoted(first, "Staging")
    staged = follow(f"models:/{MODEL}/Staging", "--require", "staging")
    assert staged.health().json()["model"]["version"] == first
    assert staged.stop() == 0
    assert "in Production: it has nothing" in refused(
        follow(f"models:/{MODEL}/Staging", "--require", "production", ready=False)
    )
    gated.promoted(first)
    server = follow(f"models:/{MODEL}/Production", "--require", "production")
    assert server.score().json()["model"]["digest"] == digest_of(complete)
    # Someone edits the registry's database: another version stands in the stage, and no person decided so.
    second = registered()
    with closing(sqlite3.connect(gated.home / "mlflow.db")) as database, database:
        database.execute("UPDATE model_versions SET current_stage = 'Archived' WHERE version = ?", (first,))
        database.execute("UPDATE model_versions SET current_stage = 'Production' WHERE version = ?", (second,))
    assert f"the ledger does not have {MODEL} version {second}" in server.await_event("model_refused")["because"]
    assert server.health().json()["model"]["version"] == first
    assert server.score().status_code == 200
    with closing(sqlite3.connect(gated.home / "mlflow.db")) as database, database:
        database.execute("UPDATE model_versions SET current_stage = 'None' WHERE version = ?", (second,))
        database.execute("UPDATE model_versions SET current_stage = 'Production' WHERE version = ?", (first,))
    assert server.stop() == 0


def test_one_changed_byte_of_an_approved_version_is_found_at_load(
    gated: Gated, registered: Callable[[], str], follow: Callable[..., Any]
) -> None:
    version = registered()
    gated.promoted(version, "Staging")
    run = gated.client("admin").get_model_version(MODEL, version).run_id
    (file,) = gated.home.glob(f"artifacts/**/{run}/artifacts/model/tokenizer.json")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert "they were changed" in refused(follow(f"models:/{MODEL}/Staging", "--require", "staging", ready=False))


def test_a_statement_changed_or_signed_by_a_stranger_is_found_at_load(
    gated: Gated, registered: Callable[[], str], follow: Callable[..., Any], tmp_path: Path
) -> None:
    version = registered()
    gated.promoted(version, "Staging")
    run = gated.client("admin").get_model_version(MODEL, version).run_id
    (file,) = gated.home.glob(f"artifacts/**/{run}/artifacts/evidence/evaluation/evaluation.json")
    file.write_text(file.read_text().replace("fine", "fab."))
    told = refused(follow(f"models:/{MODEL}/Staging", "--require", "staging", ready=False))
    assert "reports:evaluation (not met)" in told
    assert "changed after it was signed" in told


def test_a_directory_was_never_decided_about(model_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(model_directory), "--port", "0", "--require", "production"]) == 2
    assert "nothing was decided about it" in capsys.readouterr().err
