"""On Azure ML no gate can stand inside: the same commands decide, the pipeline moves, drift tells what went around."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loopback.ledger import ledger_for
from loopback.workspace import CONTAINER, LOOKS_LIKE_AZURE, Workspace

from homologate.cli import main
from tests.gate.conftest import POLICY

MODEL = "hoses"
Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def ledger(postgresql_server: str) -> str:
    """A ledger in a database of its own: Azure ML's is nobody's to write to."""
    return ledger_for(postgresql_server)


@pytest.fixture(scope="module")
def home(ledger: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release pipeline's home: policies, trusted keys, and where the ledger is."""
    home = tmp_path_factory.mktemp("pipeline")
    (home / "policies").mkdir()
    for stage, needed in (("Staging", 1), ("Production", 2)):
        policy = POLICY.format(lower=stage.lower(), stage=stage, approvals=needed, says="Of the tests.")
        (home / "policies" / f"{stage.lower()}.yaml").write_text(policy)
    promotion = {"models": [MODEL], "policies": str(home / "policies"), "ledger": ledger.replace("postgres@", "")}
    (home / "homologate.yaml").write_text(json.dumps({"home": str(home), "promotion": promotion}))
    return home


@pytest.fixture
def typed(
    home: Path,
    ledger: str,
    logged_in: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Typed:
    """Types a command on a build agent, as somebody the ledger's database knows."""
    for name, value in {**logged_in, "HOMOLOGATE_SETTINGS": str(home / "homologate.yaml")}.items():
        monkeypatch.setenv(name, value)

    def type_as(person: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("HOMOLOGATE_LEDGER", ledger.replace("postgres@", f"{person}@"))
        capsys.readouterr()
        code = main(words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return type_as


def _registered(home: Path, client: Any, bundles: Callable[..., Any], scratch: Path, tokenizer: str) -> tuple[str, str]:
    """A version with signed evidence in the workspace, made by `author`: its number and the run of its bytes."""
    from mlflow.exceptions import MlflowException

    made = bundles(scratch, tokenizer)
    shutil.copytree(scratch / "keys" / "trusted", home / "keys" / "trusted", dirs_exist_ok=True)
    tags = {"mlflow.user": "author"}
    run, register = client.create_run("0", tags=tags), client.create_run("0", tags=tags)
    client.log_artifacts(run.info.run_id, str(made.model), "model")
    client.log_artifacts(register.info.run_id, made.write_evidence(scratch / "evidence"), "evidence")
    with contextlib.suppress(MlflowException):  # it exists already
        client.create_registered_model(MODEL)
    about = {"homologate.digest": made.digest, "homologate.evidence_run": register.info.run_id}
    source = f"{run.info.artifact_uri}/model"
    version = client.create_model_version(MODEL, source, run_id=run.info.run_id, tags=about, await_creation_for=0)
    return str(version.version), str(run.info.run_id)


def test_people_decide_the_pipeline_moves_and_what_went_around_them_is_reported(
    azure_ml: Workspace, home: Path, typed: Typed, bundles: Callable[..., Any], tmp_path: Path
) -> None:
    from azure.storage.blob import BlobClient
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=azure_ml.tracking_uri, registry_uri=azure_ml.tracking_uri)
    (first, run), (second, _) = (
        _registered(home, client, bundles, tmp_path / name, f"bytes {name} on Azure") for name in ("one", "two")
    )

    def in_production() -> list[str]:
        found = client.search_model_versions(f"name = '{MODEL}'")
        return [str(one.version) for one in found if one.current_stage == "Production"]

    code, told, fault = typed("rita", "request", MODEL, first, "--to", "Production", "--reason", "better", "--json")
    assert code == 0, fault
    request = str(json.loads(told)["request"]["id"])
    for person, says in (("author", "made this version"), ("rita", "asked for this")):
        code, _, fault = typed(person, "approve", request, "--comment", "mine")
        assert (code, says in fault) == (7, True), fault
    assert typed("ann", "approve", request, "--comment", "read it")[0] == 0
    code, _, fault = typed("rita", "promote", request)
    assert (code, "1 more approval needed" in fault) == (7, True), fault
    assert typed("bob", "approve", request, "--comment", "read it")[0] == 0
    code, told, fault = typed("rita", "promote", request)
    assert (code, f"version {first} is in Production" in told) == (0, True), fault
    assert in_production() == [first]
    assert typed("bob", "audit", "drift")[0] == 0

    client.transition_model_version_stage(MODEL, second, "Production", archive_existing_versions=True)
    code, told, _ = typed("bob", "audit", "drift")
    assert (code, "@champion" in told) == (7, False)  # Azure ML has no aliases, so none can disagree
    assert f"Production: the registry says version {second}, the ledger version {first}" in told
    assert typed("rita", "audit", "reconcile")[0] == 0
    assert in_production() == [first]

    blob = f"{LOOKS_LIKE_AZURE}/{run}/model/tokenizer.json"
    trusted = {"connection_verify": str(azure_ml.authority)}
    with BlobClient.from_connection_string(azure_ml.blobs.connection_string, CONTAINER, blob, **trusted) as stored:
        stored.upload_blob(b"other bytes", overwrite=True)
    code, told, _ = typed("bob", "audit", "drift")
    assert (code, f"version {first} in Production: the registry says sha256:" in told) == (7, True), told
