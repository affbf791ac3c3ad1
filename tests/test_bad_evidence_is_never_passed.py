"""`homologate evidence verify` against a real server: what is bad is named, what cannot be told says why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from mlflow import MlflowClient

from homologate.attest import canonical, make_signing_key, sha256_of, sign_statement, statement_path, verify_bundle
from homologate.attest.envelope import seal, strict_json
from homologate.cli import main as homologate
from registry_promotion.verbs.evidence import show

MODEL = "judged"


@pytest.fixture
def verify(
    mlflow_server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, dict[str, tuple[str, str]]]]:
    """Registers a bundle as a version and verifies it: exit code, what a person is told, and every fault by check."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    client = MlflowClient(mlflow_server)
    if not client.search_registered_models(f"name = '{MODEL}'"):
        client.create_registered_model(MODEL)
    settings = tmp_path / "homologate.yaml"
    settings.write_text(yaml.safe_dump({"model": MODEL, "home": str(tmp_path)}))

    def ask(bundle: Any) -> tuple[int, str, dict[str, tuple[str, str]]]:
        experiment = client.get_experiment_by_name("judged") or client.get_experiment(
            client.create_experiment("judged")
        )
        run = client.create_run(experiment.experiment_id)
        client.log_artifacts(run.info.run_id, str(bundle.model), "model")
        client.log_artifacts(run.info.run_id, bundle.write_evidence(tmp_path / "evidence"), "evidence")
        tags = {"homologate.digest": bundle.digest, "homologate.evidence_run": run.info.run_id}
        source = f"{run.info.artifact_uri}/model"
        version = client.create_model_version(MODEL, source, run_id=run.info.run_id, tags=tags).version
        capsys.readouterr()
        code = homologate(["evidence", "verify", version, "--settings", str(settings), "--json"])
        facts = json.loads(capsys.readouterr().out)
        faults = {c["id"]: (c["status"], c["sentence"]) for c in facts["checks"] if c["status"] != "met"}
        return code, show(facts), faults

    return ask


def resign(bundle: Any, change: dict[str, Any] | Callable[[bytes], bytes], kind: str = "evaluation") -> None:
    """Put another report in the place of the one there is, signed as if it were right."""
    path = f"{kind}/{kind}.json"
    raw = bundle.evidence[path]
    bundle.evidence[path] = change(raw) if callable(change) else json.dumps({**json.loads(raw), **change}).encode()
    old = verify_bundle(bundle.model, {**bundle.evidence, path: raw}, bundle.trusted).statements[kind].predicate
    reports = [{**one, "sha256": sha256_of(bundle.evidence[one["path"]])[7:]} for one in old["reports"]]
    bundle.sign(kind, {**old, "reports": reports})


def another_digest(bundle: Any) -> None:
    resign(bundle, {"subject": {"digest": f"sha256:{'0' * 64}"}})


def older_report(bundle: Any) -> None:
    resign(bundle, {"schema": 0})


def older_statement(bundle: Any) -> None:
    envelope = strict_json(bundle.evidence[statement_path("parity")], "parity")
    import base64

    statement = json.loads(base64.b64decode(envelope["payload"]))
    statement["predicateType"] = "urn:homologate:parity:0"
    bundle.evidence[statement_path("parity")] = canonical(seal(canonical(statement), bundle.key))


def truncated_report(bundle: Any) -> None:
    resign(bundle, lambda raw: raw[: len(raw) // 2])


def truncated_statement(bundle: Any) -> None:
    path = statement_path("explanation")
    bundle.evidence[path] = bundle.evidence[path][:-20]


def stranger(bundle: Any) -> None:
    key = make_signing_key(bundle.model.parent / "stranger")
    predicate = dict(verify_bundle(bundle.model, bundle.evidence, bundle.trusted).statements["evaluation"].predicate)
    bundle.evidence[statement_path("evaluation")] = canonical(
        sign_statement("evaluation", bundle.digest, predicate, key)
    )


def no_key(bundle: Any) -> None:
    shutil.rmtree(bundle.model.parent / "keys" / "trusted")


def other_bytes(bundle: Any) -> None:
    (bundle.model / "model.onnx").write_bytes(b"other weights")


def missing_card(bundle: Any) -> None:
    for path in [path for path in bundle.evidence if path.startswith("responsible-ai/")]:
        del bundle.evidence[path]


def borrowed_champion(bundle: Any) -> None:
    resign(bundle, {"kind": "evaluation"}, "comparison")


@pytest.mark.parametrize(
    ("spoil", "check", "status", "why"),
    [
        (another_digest, "reports:evaluation", "not_met", "reports on sha256:0000"),
        (older_report, "reports:evaluation", "not_met", "does not fit the schema 'report': 1 was expected"),
        (older_statement, "schema:parity/parity.intoto.json", "not_met", "is schema version 0 of parity"),
        (truncated_report, "reports:evaluation", "not_met", "not JSON, or cut short"),
        (truncated_statement, "read:explanation/explanation.intoto.json", "not_met", "not JSON, or cut short"),
        (stranger, "signature:evaluation/evaluation.intoto.json", "cannot_tell", "which is not trusted"),
        (no_key, "signature:manifest/manifest.intoto.json", "cannot_tell", "which is not trusted"),
        (other_bytes, "digest", "not_met", "its bytes were changed"),
        (missing_card, "complete:responsible-ai", "cannot_tell", "there is no responsible-ai statement"),
        (borrowed_champion, "reports:comparison", "not_met", "is a report of kind 'evaluation'"),
    ],
)
def test_what_is_wrong_is_named(
    bundle: Any, verify: Callable[..., Any], spoil: Callable[[Any], None], check: str, status: str, why: str
) -> None:
    spoil(bundle)
    code, told, faults = verify(bundle)
    assert code == 7
    assert "NOT verified" in told
    assert faults[check][0] == status
    assert why in faults[check][1]
    assert f"{'x' if status == 'not_met' else '?'} {check}: " in told
    assert "→" in told


def test_what_is_right_is_verified_with_the_keys_of_this_machine(
    bundle: Any, verify: Callable[..., Any], tmp_path: Path
) -> None:
    code, told, faults = verify(bundle)
    assert (code, faults) == (0, {})
    assert f"verified, with the keys of {tmp_path / 'keys' / 'trusted'}" in told
    assert "next: homologate request judged" in told


def test_a_version_that_is_not_there_is_named(
    mlflow_server: str, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    monkeypatch.chdir(tmp_path)
    assert homologate(["evidence", "verify", "nobody", "41"]) == 6
    assert "no version '41' of 'nobody'" in capsys.readouterr().err
