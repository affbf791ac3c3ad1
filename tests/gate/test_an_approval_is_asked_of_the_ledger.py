"""Whoever serves or ships a version asks the gate's ledger for its approval; a stage or a tag proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homologate.errors import RefusedError, TrackingError
from homologate.versions import DIGEST_TAG, ModelVersion, approval_of, open_registry

MODEL, PASSWORD = "brakes-asked", "correct horse battery"  # pragma: allowlist secret


@pytest.fixture
def as_bob(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)


def version_of(gated: Any, number: str) -> ModelVersion:
    found = gated.client("bob").get_model_version(MODEL, number)
    return ModelVersion(MODEL, number, found.current_stage, found.source, dict(found.tags))


@pytest.mark.usefixtures("as_bob")
def test_only_the_version_the_ledger_put_there_with_these_bytes_is_approved(
    gated: Any, make_version: Callable[..., str]
) -> None:
    registry = open_registry(gated.url)
    first, second = make_version(gated, MODEL), make_version(gated, MODEL)
    with pytest.raises(RefusedError, match="it has nothing") as refused:
        approval_of(version_of(gated, first), registry)
    assert f"homologate request {MODEL} {first} --to Production" in str(refused.value)
    request = gated.promoted(first, model=MODEL)
    approval = approval_of(version_of(gated, first), registry)
    assert (approval.version, approval.stage, approval.request) == (first, "Production", request)
    assert approval.digest == version_of(gated, first).tags[DIGEST_TAG]
    assert (approval.by, approval.how, approval.demonstration) == ("ann", "transition", False)
    with pytest.raises(RefusedError, match=f"it has version {first}, since"):
        approval_of(version_of(gated, second)._replace(stage="Production"), registry)
    other_bytes = version_of(gated, first)._replace(tags={DIGEST_TAG: f"sha256:{'0' * 64}"})
    with pytest.raises(RefusedError, match="the registry as sha256:000"):
        approval_of(other_bytes, registry)
    with pytest.raises(RefusedError, match="does not have brakes-asked version 1 in Staging"):
        approval_of(version_of(gated, first), registry, "Staging")


def test_a_registry_without_a_gate_approves_nothing(mlflow_server: str, tmp_path: Path) -> None:
    version = ModelVersion("m", "1", "Production", "", {DIGEST_TAG: f"sha256:{'1' * 64}"})
    for uri in (mlflow_server, f"sqlite:///{tmp_path}/mlflow.db"):
        with pytest.raises(RefusedError, match="no gate stands at this registry") as refused:
            approval_of(version, open_registry(uri))
        assert "--app-name homologate" in str(refused.value)


def test_a_gate_that_does_not_know_us_or_is_down_is_no_approval(gated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    version = ModelVersion(MODEL, "1", "Production", "", {})
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "wrong")
    with pytest.raises(TrackingError, match="answered 401"):
        approval_of(version, open_registry(gated.url))
    with pytest.raises(TrackingError, match="does not answer"):
        approval_of(version, open_registry("http://127.0.0.1:9"))
