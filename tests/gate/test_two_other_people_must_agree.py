"""Four eyes, bound to the bytes: who may approve, what an approval is good for, and for how long."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest


def test_two_people_take_a_version_to_production_and_the_stock_client_makes_the_move(gated: Any, version: str) -> None:
    gated.approved(version)
    moved = gated.client("ann").transition_model_version_stage("brakes", version, "Production")
    assert moved.current_stage == "Production"
    assert gated.in_stage("Production") == [version]
    assert gated.alias("champion") == version
    rows = gated.ask("ann", "GET", "/homologate/api/models/brakes/history").json["rows"]
    mine = [row for row in rows if row["version"] == version]
    assert [row["kind"] for row in mine] == ["request", "approval", "approval", "transition"]


def test_setting_the_alias_of_an_approved_version_moves_its_stage_too(gated: Any, version: str) -> None:
    gated.approved(version)
    gated.client("ann").set_registered_model_alias("brakes", "champion", version)
    assert gated.in_stage("Production") == [version]
    assert gated.alias("champion") == version


def test_one_approval_is_not_two(gated: Any, version: str) -> None:
    request = gated.requested(version)
    for _ in range(2):
        gated.post("bob", f"requests/{request}/approve", comment="yes")
    answer = gated.post("ann", f"requests/{request}/promote")
    assert answer.status == 403
    assert "1 more approval needed" in answer.json["message"]
    assert gated.stage(version) == "None"


@pytest.mark.parametrize("stage", ["Production", "Staging"])
def test_the_author_cannot_approve_their_own_work(gated: Any, version: str, stage: str) -> None:
    request = gated.requested(version, stage, by="dan")
    answer = gated.post("ann", f"requests/{request}/approve", comment="it is mine and it is good")
    assert answer.status == 403
    assert "made" in answer.json["message"]


def test_whoever_asked_cannot_approve(gated: Any, version: str) -> None:
    request = gated.requested(version, by="dan")
    answer = gated.post("dan", f"requests/{request}/approve", comment="I asked, I approve")
    assert answer.status == 403


def test_whoever_registered_the_version_counts_as_an_author(gated: Any, version: str) -> None:
    dan = gated.client("dan")
    known = dan.get_model_version("brakes", version)
    again = dan.create_model_version(
        "brakes",
        known.source,
        run_id=known.run_id,
        tags=known.tags and {key: value for key, value in known.tags.items() if key.startswith("homologate.")},
        await_creation_for=0,
    )
    request = gated.requested(str(again.version), by="ann")
    assert gated.post("dan", f"requests/{request}/approve", comment="good").status == 403


def test_approvals_of_one_version_do_not_move_another(gated: Any, make_version: Callable[..., str]) -> None:
    good, other = make_version(gated), make_version(gated)
    gated.approved(good)
    with pytest.raises(Exception, match="PERMISSION_DENIED"):
        gated.client("ann").transition_model_version_stage("brakes", other, "Production")


def test_approvals_for_staging_do_not_move_to_production(gated: Any, version: str) -> None:
    gated.approved(version, "Staging")
    with pytest.raises(Exception, match="PERMISSION_DENIED"):
        gated.client("ann").transition_model_version_stage("brakes", version, "Production")


def test_other_bytes_under_an_approved_digest_are_refused(gated: Any, version: str) -> None:
    gated.approved(version)
    dan = gated.client("dan")
    approved = dan.get_model_version("brakes", version)
    run = dan.create_run(dan.get_experiment_by_name("tests").experiment_id)
    dan.log_text(run.info.run_id, "evil", "model/model.onnx")
    tags = {key: value for key, value in approved.tags.items() if key.startswith("homologate.")}
    evil = dan.create_model_version(
        "brakes", f"{run.info.artifact_uri}/model", run_id=run.info.run_id, tags=tags, await_creation_for=0
    )
    with pytest.raises(Exception, match="PERMISSION_DENIED"):
        dan.transition_model_version_stage("brakes", evil.version, "Production")
    asked = gated.post("dan", "requests", model="brakes", version=str(evil.version), stage="Production", reason="x")
    assert not asked.json["decision"]["evidence_passes"]


def test_bytes_changed_beside_the_server_after_approval_are_found_at_the_move(gated: Any, version: str) -> None:
    request = gated.approved(version)
    source = gated.client("ann").get_model_version("brakes", version).source
    file = gated.home / "artifacts" / source.partition(":/")[2].lstrip("/") / "model.onnx"
    file.write_bytes(b"evil")
    answer = gated.post("ann", f"requests/{request}/promote")
    assert answer.status == 403
    assert gated.stage(version) == "None"


def test_a_request_moves_a_version_once(gated: Any, make_version: Callable[..., str]) -> None:
    first, second = make_version(gated), make_version(gated)
    request = gated.promoted(first)
    gated.promoted(second)
    again = gated.post("ann", f"requests/{request}/promote")
    assert again.status == 403
    with pytest.raises(Exception, match="PERMISSION_DENIED"):
        gated.client("ann").transition_model_version_stage("brakes", first, "Production")
    assert gated.in_stage("Production") == [second]


def test_an_approval_against_an_older_champion_is_void(gated: Any, make_version: Callable[..., str]) -> None:
    champion, candidate = make_version(gated), make_version(gated)
    request = gated.approved(candidate)
    gated.promoted(champion)
    answer = gated.post("ann", f"requests/{request}/promote")
    assert answer.status == 403
    assert "champion" in answer.json["message"]


def test_a_rejected_request_stays_rejected(gated: Any, version: str) -> None:
    request = gated.requested(version)
    assert gated.post("bob", f"requests/{request}/reject", comment="no").status == 200
    gated.post("cleo", f"requests/{request}/approve", comment="yes")
    assert gated.post("ann", f"requests/{request}/promote").status == 403


def test_evidence_that_does_not_hold_is_refused_however_many_approve(
    gated: Any, make_version: Callable[..., str]
) -> None:
    number = make_version(gated)
    run_id = gated.client("ann").get_model_version("brakes", number).tags["homologate.evidence_run"]
    root = (
        gated.home / "artifacts" / gated.client("ann").get_run(run_id).info.artifact_uri.partition(":/")[2].lstrip("/")
    )
    (root / "evidence" / "evaluation" / "evaluation.intoto.json").unlink()
    request = gated.requested(number)
    for person in ("bob", "cleo"):
        gated.post(person, f"requests/{request}/approve", comment="looks fine")
    answer = gated.post("ann", f"requests/{request}/promote")
    assert answer.status == 403
    assert gated.stage(number) == "None"
