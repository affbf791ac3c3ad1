"""Production holds exactly one version at every instant, its alias beside it, and nothing takes it away unseen."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

MODEL = "brakes-race"


def test_fifty_promotions_at_once_leave_exactly_one_at_every_instant(
    gated: Any, make_version: Callable[..., str]
) -> None:
    first = make_version(gated, MODEL)
    gated.promoted(first, model=MODEL)
    rivals = [make_version(gated, MODEL) for _ in range(3)]
    for rival in rivals:
        gated.approved(rival, model=MODEL)
    seen: list[list[str]] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            seen.append(gated.in_stage("Production", MODEL))

    def move(number: int) -> int:
        body = {"name": MODEL, "version": rivals[number % len(rivals)], "stage": "Production"}
        return int(gated.ask("ann", "POST", "/api/2.0/mlflow/model-versions/transition-stage", body).status)

    watcher = threading.Thread(target=watch)
    watcher.start()
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(move, range(50)))
    over.set()
    watcher.join()
    assert {len(versions) for versions in seen} == {1}
    assert set(answers) <= {200, 403}
    assert answers.count(200) >= 1
    (winner,) = gated.in_stage("Production", MODEL)
    assert gated.alias("champion", MODEL) == winner
    rows = gated.ask("ann", "GET", f"/homologate/api/models/{MODEL}/history").json["rows"]
    moves = [row["version"] for row in rows if row["kind"] == "transition"]
    assert len(moves) == 2, "one approval was good for one champion only, so one rival won"
    assert moves[-1] == winner


def test_what_is_in_production_cannot_be_deleted_renamed_archived_or_stripped_of_its_alias(
    gated: Any, make_version: Callable[..., str]
) -> None:
    model = "brakes-kept"
    version = make_version(gated, model)
    gated.promoted(version, model=model)
    admin = gated.client("admin")
    for attempt in (
        lambda: admin.delete_model_version(model, version),
        lambda: admin.delete_registered_model(model),
        lambda: admin.rename_registered_model(model, "brakes-gone"),
        lambda: admin.rename_registered_model(model, "away"),
        lambda: admin.transition_model_version_stage(model, version, "Archived"),
        lambda: admin.transition_model_version_stage(model, version, "None"),
        lambda: admin.transition_model_version_stage(model, version, "Staging"),
        lambda: admin.delete_registered_model_alias(model, "champion"),
    ):
        with pytest.raises(Exception, match="PERMISSION_DENIED"):
            attempt()
    assert gated.in_stage("Production", model) == [version]
    assert gated.alias("champion", model) == version


def test_staging_and_production_move_their_aliases_with_them(gated: Any, make_version: Callable[..., str]) -> None:
    model = "brakes-steps"
    version = make_version(gated, model)
    gated.promoted(version, "Staging", model)
    assert (gated.alias("challenger", model), gated.alias("champion", model)) == (version, None)
    gated.promoted(version, "Production", model)
    assert (gated.alias("challenger", model), gated.alias("champion", model)) == (None, version)
    assert gated.in_stage("Production", model) == [version]


def test_rollback_puts_the_previous_version_back_in_one_command(gated: Any, make_version: Callable[..., str]) -> None:
    model = "brakes-back"
    good, bad = make_version(gated, model), make_version(gated, model)
    gated.promoted(good, model=model)
    gated.promoted(bad, model=model)
    answer = gated.post("ann", f"models/{model}/rollback", reason="stops good hoses")
    assert answer.status == 200, answer.text
    assert gated.in_stage("Production", model) == [good]
    assert gated.alias("champion", model) == good
    last = gated.ask("ann", "GET", f"/homologate/api/models/{model}/history").json["rows"][-1]
    assert last["kind"] == "rollback"
    assert last["reason"] == "stops good hoses"


def test_a_rollback_to_bytes_that_were_changed_is_refused(gated: Any, make_version: Callable[..., str]) -> None:
    model = "brakes-rotten"
    good, bad = make_version(gated, model), make_version(gated, model)
    gated.promoted(good, model=model)
    gated.promoted(bad, model=model)
    source = gated.client("ann").get_model_version(model, good).source
    (gated.home / "artifacts" / source.partition(":/")[2].lstrip("/") / "model.onnx").write_bytes(b"rotten")
    assert gated.post("ann", f"models/{model}/rollback", reason="back").status == 403
    assert gated.in_stage("Production", model) == [bad]


def test_breaking_the_glass_needs_an_admin_and_is_loud(gated: Any, make_version: Callable[..., str]) -> None:
    model = "brakes-glass"
    version = make_version(gated, model)
    asked = {"version": version, "stage": "Production", "reason": "the line stands still"}
    assert gated.post("dan", f"models/{model}/break-glass", **asked).status == 403
    answer = gated.post("admin", f"models/{model}/break-glass", **asked)
    assert answer.status == 200, answer.text
    assert gated.in_stage("Production", model) == [version]
    page = gated.ask("bob", "GET", f"/homologate/models/{model}").text
    assert "The glass was broken" in page
    assert "the line stands still" in page
