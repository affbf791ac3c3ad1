"""Where no gate can stand inside the server, the same commands ask the same gate, and drift says who went around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from loopback.ledger import ledger_for

from homologate.cli import main
from homologate.settings import PromotionSettings
from tests.gate.conftest import POLICY

MODEL = "brakes-elsewhere"


@dataclass
class Ungated:
    """A stock MLflow server, a home with policies and keys, and a ledger in a database of its own."""

    url: str
    home: Path
    ledger: str

    def client(self, _: str) -> Any:
        """MLflow's own client; this server asks nobody who they are."""
        from mlflow import MlflowClient

        return MlflowClient(tracking_uri=self.url, registry_uri=self.url)

    def in_stage(self, stage: str) -> list[str]:
        found = self.client("").search_model_versions(f"name = '{MODEL}'")
        return [str(v.version) for v in found if v.current_stage == stage]


@pytest.fixture(scope="module")
def ungated(mlflow_server: str, postgresql_server: str, tmp_path_factory: pytest.TempPathFactory) -> Ungated:
    ledger = ledger_for(postgresql_server)
    home = tmp_path_factory.mktemp("ungated")
    (home / "policies").mkdir()
    for stage, needed in (("Staging", 1), ("Production", 2)):
        policy = POLICY.format(lower=stage.lower(), stage=stage, approvals=needed, says="Of the tests.")
        (home / "policies" / f"{stage.lower()}.yaml").write_text(policy)
    promotion = {
        "models": [MODEL],
        "policies": str(home / "policies"),
        "admins": ["ada"],
        "ledger": ledger.replace("postgres@", ""),
    }
    (home / "homologate.yaml").write_text(json.dumps({"home": str(home), "promotion": promotion}))
    return Ungated(mlflow_server, home, ledger)


@pytest.fixture
def typed(
    ungated: Ungated, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Types a command as somebody the ledger's database knows."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", ungated.url)
    monkeypatch.setenv("HOMOLOGATE_SETTINGS", str(ungated.home / "homologate.yaml"))
    monkeypatch.chdir(ungated.home)

    def type_as(person: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("HOMOLOGATE_LEDGER", ungated.ledger.replace("postgres@", f"{person}@"))
        code = main(words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return type_as


@pytest.fixture(scope="module")
def versions(ungated: Ungated, make_version: Callable[..., str]) -> list[str]:
    """Two complete versions, made by `author`."""
    made = [make_version(ungated, MODEL) for _ in range(2)]
    client = ungated.client("")
    for number in made:
        known = client.get_model_version(MODEL, number)
        for run_id in (known.run_id, known.tags["homologate.evidence_run"]):
            client.set_tag(run_id, "mlflow.user", "author")
    return made


def _promoted(typed: Callable[..., Any], version: str) -> str:
    code, told, fault = typed("rita", "request", MODEL, version, "--to", "Production", "--reason", "better", "--json")
    assert code == 0, fault
    request = str(json.loads(told)["request"]["id"])
    for person in ("ann", "bob"):
        code, _, fault = typed(person, "approve", request, "--comment", "read it")
        assert code == 0, fault
    code, told, fault = typed("rita", "promote", request)
    assert (code, f"version {version} is in Production" in told) == (0, True), fault
    return request


def test_two_people_take_a_version_to_production_and_back_by_the_same_commands(
    ungated: Ungated, typed: Callable[..., Any], versions: list[str], tmp_path: Path
) -> None:
    first, second = versions
    code, told, _ = typed("rita", "request", MODEL, first, "--to", "Production", "--reason", "better", "--json")
    request = json.loads(told)["request"]["id"]
    for person, says in (("author", "made this version"), ("rita", "asked for this")):
        code, _, fault = typed(person, "approve", request, "--comment", "mine")
        assert (code, says in fault) == (7, True)
    code, _, fault = typed("rita", "promote", request)
    assert (code, "2 more approvals needed" in fault) == (7, True)
    assert ungated.in_stage("Production") == []
    _promoted(typed, first)
    _promoted(typed, second)
    client = ungated.client("")
    assert ungated.in_stage("Production") == [second]
    assert str(client.get_registered_model(MODEL).aliases["champion"]) == second
    shown = client.get_model_version(MODEL, second)
    assert shown.tags["gate.state"] == "Production: promoted"
    assert "homologate request --show" in shown.description
    code, told, _ = typed("ann", "rollback", MODEL, "--reason", "stops good hoses")
    assert f"version {first} is back in Production" in told
    assert ungated.in_stage("Production") == [first]
    code, told, _ = typed("bob", "history", MODEL)
    assert f"Rolled back to version {first}, by ann: stops good hoses" in told
    code, _, fault = typed("bob", "promote", "--break-glass", MODEL, second, "--reason", "x")
    assert (code, "may not break the glass" in fault) == (7, True)
    export = tmp_path / "ledger.jsonl"
    assert typed("bob", "audit", "export", "--to", str(export))[0] == 0
    assert typed("bob", "audit", "verify", str(export))[0] == 0


def test_a_move_around_the_pipeline_is_reported_and_put_right(
    ungated: Ungated, typed: Callable[..., Any], versions: list[str]
) -> None:
    first, second = versions
    if ungated.in_stage("Production") != [first]:
        _promoted(typed, first)
    assert typed("bob", "audit", "drift")[0] == 0
    client = ungated.client("")
    client.transition_model_version_stage(MODEL, second, "Production", archive_existing_versions=True)
    client.set_registered_model_alias(MODEL, "champion", second)
    code, told, _ = typed("bob", "audit", "drift")
    assert code == 7
    assert f"Production: the registry says version {second}, the ledger version {first}" in told
    assert f"@champion: the registry says version {second}, the ledger version {first}" in told
    assert "homologate audit reconcile" in told
    code, told, _ = typed("rita", "audit", "reconcile")
    assert f"version {first} put into Production, as the ledger says" in told
    assert typed("bob", "audit", "drift")[0] == 0
    assert ungated.in_stage("Production") == [first]


def test_other_bytes_under_an_approved_version_are_not_moved_and_drift_names_them(
    ungated: Ungated, typed: Callable[..., Any], make_version: Callable[..., str]
) -> None:
    version = make_version(ungated, MODEL)
    known = ungated.client("").get_model_version(MODEL, version)
    ungated.client("").set_tag(known.run_id, "mlflow.user", "author")
    _, told, _ = typed("rita", "request", MODEL, version, "--to", "Staging", "--reason", "try it", "--json")
    request = json.loads(told)["request"]["id"]
    assert typed("ann", "approve", request, "--comment", "read it")[0] == 0
    ungated.client("").log_text(known.run_id, "other", "model/model.onnx")
    code, _, fault = typed("rita", "promote", request)
    assert (code, "the bytes changed since request" in fault) == (7, True)
    assert ungated.in_stage("Staging") == []


def test_nobody_changes_a_row_of_the_ledger_though_they_may_append(ungated: Ungated) -> None:
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import DBAPIError

    engine = create_engine(ungated.ledger.replace("postgres@", "ann@"))
    for attempt in (
        "UPDATE homologate_ledger SET row = 'x'",
        "DELETE FROM homologate_ledger",
        "DROP TABLE homologate_ledger",
    ):
        with pytest.raises(DBAPIError), engine.begin() as connection:
            connection.execute(text(attempt.format("homologate_ledger")))
    engine.dispose()


def test_a_ledger_beside_a_gated_server_is_refused(
    gated: Any, typed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gated.url)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct horse battery")
    code, _, fault = typed("bob", "audit", "head")
    assert (code, "has a gate inside" in fault) == (2, True)


def test_a_gated_server_is_not_reconciled_from_outside(
    gated: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gated.url)
    assert main(["audit", "reconcile"]) == 7
    assert "at each start" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address",
    ["postgresql://ann:pw@db/ledger", "mysql://db/ledger", "ledger.db"],  # pragma: allowlist secret
)
def test_an_address_with_a_password_or_of_another_database_is_no_setting(address: str) -> None:
    with pytest.raises(ValueError, match="ledger"):
        PromotionSettings(ledger=address)
    PromotionSettings(ledger="postgresql://ann@db.example.org/ledger")
    PromotionSettings(ledger="sqlite:///ledger.db")
