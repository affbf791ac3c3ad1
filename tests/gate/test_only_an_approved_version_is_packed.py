"""`homologate edge` packs what the gate's ledger has in Production, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homologate.attest import make_signing_key
from homologate.cli import main
from homologate.errors import RefusedError
from homologate.model_directory import build

MODEL, PASSWORD = "brakes-packed", "correct horse battery"  # pragma: allowlist secret


def test_a_version_is_packed_once_the_ledger_has_it_in_production(
    gated: Any,
    make_version: Callable[..., str],
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = ["The lamp cracked below the limit.", "The hose held above the limit."]
    directory = build(tiny_model, tmp_path / "model", reference={}, texts=texts, run_id="0" * 32, metadata={})
    number = make_version(gated, MODEL, directory=directory)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gated.url)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "homologate.yaml").write_text(json.dumps({"model": MODEL, "home": "home"}))
    make_signing_key("home")
    words = ["edge", number, "--out", "line-4"]
    assert main(words) == RefusedError.exit_code
    refused = capsys.readouterr().err
    assert f"the ledger does not have {MODEL} version {number} in Production" in refused
    assert f"homologate request {MODEL} {number} --to Production" in refused
    assert not (tmp_path / "line-4").exists()
    request = gated.promoted(number, model=MODEL)
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    facts = json.loads((tmp_path / "line-4/package/edge.json").read_text())
    assert facts["approval"] == told["approval"]
    assert (facts["approval"]["request"], facts["approval"]["by"]) == (request, "ann")
    assert facts["digest"] == gated.client("bob").get_model_version(MODEL, number).tags["homologate.digest"]
    assert main(["edge"]) == 0
    shown = capsys.readouterr().out
    assert f"{MODEL} version {number}, in Production since" in shown
    assert "next: try it here" in shown
    assert (tmp_path / f"{MODEL}-{number}-edge" / f"{MODEL}-{number}.edge.tar").is_file()
