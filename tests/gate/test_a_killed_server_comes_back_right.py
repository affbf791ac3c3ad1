"""Ledger and registry agree after a kill at any instant, and an older database is noticed."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

MODEL = "brakes"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def killable(home: Path, start_gated: Callable[..., Any]) -> Any:
    """A server of this file's own, to be killed. The others of this file stand on the same stores."""
    return start_gated(home)


def _kill(gated: Any) -> None:
    """End every process of the server as a power cut would."""
    for service in gated.services.running().values():
        os.killpg(service.pid, signal.SIGKILL)
        os.waitpid(service.pid, 0)


def _stages(home: Path) -> list[tuple[str, int, str]]:
    with sqlite3.connect(home / "mlflow.db") as database:
        return database.execute("SELECT name, version, current_stage FROM model_versions").fetchall()


def _aliases(home: Path) -> list[tuple[str, str, int]]:
    with sqlite3.connect(home / "mlflow.db") as database:
        return database.execute("SELECT name, alias, version FROM registered_model_aliases").fetchall()


def test_a_server_killed_between_ledger_and_registry_finishes_the_move_at_its_start(
    killable: Any, home: Path, start_gated: Callable[..., Any], make_version: Callable[..., str]
) -> None:
    old, new = make_version(killable), make_version(killable)
    killable.promoted(old)
    before = _stages(home), _aliases(home)
    killable.promoted(new)
    _kill(killable)
    # What the database holds when the kill falls between the two: the row of the move, and the registry as it was.
    with sqlite3.connect(home / "mlflow.db") as database:
        for name, version, stage in before[0]:
            where = "WHERE name = ? AND version = ?"
            database.execute(f"UPDATE model_versions SET current_stage = ? {where}", (stage, name, version))  # noqa: S608
        for name, alias, version in before[1]:
            where = "WHERE name = ? AND alias = ?"
            database.execute(f"UPDATE registered_model_aliases SET version = ? {where}", (version, name, alias))  # noqa: S608
    again = start_gated(home)
    assert again.in_stage("Production") == [new]
    assert again.alias("champion") == new
    assert again.ask("bob", "GET", "/homologate/api/drift").json["drift"] == []


def test_a_server_killed_while_promotions_run_comes_back_with_one_version_and_no_drift(
    home: Path, start_gated: Callable[..., Any], make_version: Callable[..., str]
) -> None:
    gated = start_gated(home)
    rivals = [make_version(gated) for _ in range(2)]
    for rival in rivals:
        gated.approved(rival)

    def move(version: str) -> None:
        body = {"name": MODEL, "version": version, "stage": "Production"}
        with contextlib.suppress(OSError, http.client.HTTPException):  # the server dies under it
            gated.ask("ann", "POST", "/api/2.0/mlflow/model-versions/transition-stage", body)

    movers = [threading.Thread(target=move, args=(rival,)) for rival in rivals]
    for mover in movers:
        mover.start()
    time.sleep(0.2)
    _kill(gated)
    for mover in movers:
        mover.join()
    again = start_gated(home)
    (standing,) = again.in_stage("Production")
    assert again.alias("champion") == standing
    current = again.ask("bob", "GET", f"/homologate/api/models/{MODEL}/current").json["stages"]["Production"]
    assert current["version"] == standing
    assert again.ask("bob", "GET", "/homologate/api/drift").json["drift"] == []


def test_a_policy_edited_on_the_server_voids_what_was_approved_under_the_old_one(
    home: Path, start_gated: Callable[..., Any], make_version: Callable[..., str]
) -> None:
    gated = start_gated(home)
    version = make_version(gated)
    request = gated.approved(version)
    _kill(gated)
    again = start_gated(home, says="What the tests of the server demand now.")
    answer = again.post("ann", f"requests/{request}/promote")
    assert answer.status == 403
    assert "void" in answer.text
    body = {"name": MODEL, "version": version, "stage": "Production"}
    assert again.ask("ann", "POST", "/api/2.0/mlflow/model-versions/transition-stage", body).status == 403
    assert version not in again.in_stage("Production")


def test_an_older_database_put_back_is_found_by_the_head_that_was_published(
    home: Path, start_gated: Callable[..., Any], make_version: Callable[..., str], tmp_path: Path
) -> None:
    from registry_promotion.ledger import Ledger

    gated = start_gated(home)
    with sqlite3.connect(home / "mlflow.db") as live, sqlite3.connect(tmp_path / "old.db") as copy:
        live.backup(copy)
    gated.requested(make_version(gated))
    published = gated.ask("bob", "GET", "/homologate/api/ledger/head").json["head"]
    for database, holds in ((home / "mlflow.db", True), (tmp_path / "old.db", False)):
        ledger = Ledger(f"sqlite:///{database}")
        assert ledger.verify().ok, "an older ledger is a good chain: only the published head can tell"
        assert ledger.verify(published).ok is holds
        ledger.close()


def test_drift_names_a_stage_an_alias_and_bytes_changed_behind_the_server(
    home: Path, start_gated: Callable[..., Any], make_version: Callable[..., str]
) -> None:
    gated = start_gated(home)
    standing, intruder = gated.in_stage("Production")[0], make_version(gated)
    with sqlite3.connect(home / "mlflow.db") as database:
        moved = "UPDATE model_versions SET current_stage = 'Production' WHERE name = ? AND version = ?"
        database.execute(moved, (MODEL, int(intruder)))
        pointed = "UPDATE registered_model_aliases SET version = ? WHERE name = ? AND alias = 'champion'"
        database.execute(pointed, (int(intruder), MODEL))
    source = gated.client("ann").get_model_version(MODEL, standing).source
    (home / "artifacts" / source.partition(":/")[2].lstrip("/") / "model.onnx").write_bytes(b"evil")
    found = gated.ask("bob", "GET", "/homologate/api/drift").json["drift"]
    assert [line["what"] for line in found] == ["stage", "alias", "bytes"]
    assert intruder in found[0]["registry"]
    assert standing in found[0]["ledger"]


def test_a_host_whose_clock_ran_ahead_ages_every_approval_and_setting_it_back_revives_none(
    home: Path, start_gated: Callable[..., Any], make_version: Callable[..., str]
) -> None:
    from registry_promotion.ledger import Entry, Ledger

    gated = start_gated(home)
    version = make_version(gated)
    request = gated.approved(version, "Staging")
    ahead = Ledger(f"sqlite:///{home / 'mlflow.db'}", clock=lambda: datetime.now(UTC) + timedelta(days=31))
    ahead.append(Entry("note", "another host", reason="its clock is wrong"))
    ahead.close()
    answer = gated.post("ann", f"requests/{request}/promote")  # minutes old by its own clock
    assert answer.status == 403
    assert "1 more approval needed" in answer.text
    body = {"name": MODEL, "version": version, "stage": "Staging"}
    assert gated.ask("ann", "POST", "/api/2.0/mlflow/model-versions/transition-stage", body).status == 403
    assert version not in gated.in_stage("Staging")
