"""What was seen in the shadow of Production reaches the gate from a run of its own, and cannot be hidden again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from homologate.attest import canonical, make_signing_key, report_predicate, sign_statement, trust

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def pipeline(gated: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The key of the pipeline that reports, trusted by the server."""
    home = tmp_path_factory.mktemp("pipeline")
    key = make_signing_key(home)
    trust(key.public, gated.home / "keys" / "trusted")
    return key


@pytest.fixture
def report(gated: Any, pipeline: Any, tmp_path: Path) -> Callable[..., str]:
    """Logs a signed shadow report about a version as dan; the run's id."""

    def log(version: str, agreement: float, at: datetime, key: Any = None) -> str:
        client = gated.client("dan")
        known = client.get_model_version("brakes", version)
        digest = known.tags["homologate.digest"]
        experiment = client.get_run(known.tags["homologate.evidence_run"]).info.experiment_id
        tags = {"homologate.step": "shadow", "homologate.digest": digest}
        run_id = str(client.create_run(experiment, tags=tags).info.run_id)
        facts = {
            "schema": 1,
            "kind": "shadow",
            "subject": {"digest": digest},
            "verdict": f"{agreement:.0%} alike",
            "agreement": {"value": agreement, "low": agreement, "high": agreement},
        }
        reports = {"shadow/shadow.json": json.dumps(facts).encode()}
        predicate = report_predicate(verdict=facts["verdict"], run_id=run_id, measured_at=at, reports=reports)
        folder = tmp_path / run_id / "shadow"
        folder.mkdir(parents=True)
        (folder / "shadow.json").write_bytes(reports["shadow/shadow.json"])
        envelope = sign_statement("shadow", digest, predicate, key or pipeline)
        (folder / "shadow.intoto.json").write_bytes(canonical(envelope))
        client.log_artifacts(run_id, str(folder), "shadow")
        client.set_terminated(run_id)
        return run_id

    return log


def _agreement(gated: Any, version: str) -> Any:
    """What the gate believes."""
    at = f"models/brakes/versions/{version}/evidence"
    found = gated.ask("bob", "GET", f"/homologate/api/{at}").json
    assert found["ok"], found
    report = gated.ask("bob", "GET", f"/homologate/{at}/shadow/shadow.json")
    return report.json["agreement"]["value"] if report.status == 200 else None


def test_the_newest_report_counts_whatever_it_says_and_wherever_it_stands(
    gated: Any, version: str, report: Callable[..., str]
) -> None:
    assert _agreement(gated, version) is None
    report(version, 0.7, NOW - timedelta(hours=1))
    report(version, 0.99, NOW - timedelta(days=3))
    assert _agreement(gated, version) == 0.7
    report(version, 0.9, NOW)
    assert _agreement(gated, version) == 0.9


def test_a_report_signed_by_a_stranger_or_without_a_report_is_no_evidence_and_refuses(
    gated: Any, version: str, report: Callable[..., str], tmp_path: Path
) -> None:
    report(version, 0.9, NOW - timedelta(hours=2))
    report(version, 1.0, NOW, key=make_signing_key(tmp_path / "stranger"))
    found = gated.ask("bob", "GET", f"/homologate/api/models/brakes/versions/{version}/evidence").json
    assert [check["id"] for check in found["checks"] if check["status"] != "met"] == [
        "signature:shadow/shadow.intoto.json",
        "covered",
    ]
    assert gated.ask("ann", "GET", f"/homologate/api/requests/{gated.requested(version)}").json["request"]["state"] == (
        "refused"
    )


def test_a_report_about_judged_bytes_can_be_neither_deleted_nor_opened_nor_turned_elsewhere(
    gated: Any, version: str, report: Callable[..., str]
) -> None:
    bad = report(version, 0.2, NOW)
    gated.requested(version)
    admin = gated.client("admin")
    for attempt in (
        lambda: admin.delete_run(bad),
        lambda: admin.set_tag(bad, "homologate.step", "other"),
        lambda: admin.delete_tag(bad, "homologate.digest"),
        lambda: admin.set_terminated(bad, "KILLED"),
        lambda: admin.update_run(bad, status="RUNNING"),
    ):
        with pytest.raises(Exception, match="shadow report about a version that was judged"):
            attempt()
    with pytest.raises(Exception, match=r"PERMISSION_DENIED|403"):
        admin.log_text(bad, "{}", "shadow/shadow.json")
    assert _agreement(gated, version) == 0.2


def test_another_runs_status_and_tags_change_as_ever(gated: Any) -> None:
    dan = gated.client("dan")
    run = dan.create_run("0", tags={"homologate.step": "train"}).info.run_id
    dan.set_terminated(run, "KILLED")
    dan.update_run(run, status="RUNNING")
    dan.set_tag(run, "homologate.step", "evaluate")
    dan.delete_run(run)
