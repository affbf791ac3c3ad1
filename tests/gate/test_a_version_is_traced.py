"""From a version, its bytes or a prediction back to runs, reports and people; one signed file of it that holds."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from homologate.attest import make_signing_key
from homologate.cli import main
from homologate.collection import FolderStore
from homologate.scorer.collector import Judge, Record
from tests.collection.conftest import keep

MODEL = "brakes-traced"


@pytest.fixture(scope="module")
def version(gated: Any, make_version: Callable[..., str]) -> str:
    """A version that went to Production and was followed by another."""
    first, second = (make_version(gated, MODEL) for _ in range(2))
    gated.promoted(first, model=MODEL)
    gated.promoted(second, model=MODEL)
    return first


@pytest.fixture
def typed(
    gated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Types a command as bob, in a project whose key signs; returns exit code, what was printed, and what to stderr."""
    make_signing_key(tmp_path / "home")
    (tmp_path / "homologate.yaml").write_text(json.dumps({"home": str(tmp_path / "home"), "model": MODEL}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gated.url)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "bob")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct horse battery")

    def type_as_bob(*words: str) -> tuple[int, str, str]:
        code = main(words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return type_as_bob


def test_a_version_is_followed_to_its_runs_reports_people_and_deployments(
    gated: Any, version: str, typed: Callable[..., Any]
) -> None:
    code, told, fault = typed("trace", version, "--json")
    assert code == 0, fault
    facts = json.loads(told)
    known = gated.client("ann").get_model_version(MODEL, version)
    assert facts["subject"]["digest"] == known.tags["homologate.digest"] == facts["bytes"]["ledger"]
    assert facts["commit"] == {"commit": "a" * 40, "dirty": False}
    assert facts["data"]["fingerprint"] == f"sha256:{'d' * 64}"
    assert {run["run_id"] for run in facts["runs"]} == {known.run_id, known.tags["homologate.evidence_run"]}
    assert {run["by"] for run in facts["runs"]} == {"ann"}
    assert {report["kind"] for report in facts["reports"]} >= {"data", "evaluation", "explanation", "parity"}
    (asked,) = facts["requests"]
    assert [rule["id"] for rule in asked["rules"]][-1] == "clean-commit"
    assert [(one["by"], one["answer"]) for one in asked["answers"]] == [("bob", "approved"), ("cleo", "approved")]
    (stood,) = facts["deployments"]
    assert (stood["stage"], stood["by"], stood["until"] > stood["since"]) == ("Production", "ann", True)
    assert [event["says"] for event in facts["events"]][-1] == f"Version {version} put into Production"
    digest = facts["subject"]["digest"]
    for words in ((MODEL, version), (digest,)):
        _, told, _ = typed("trace", *words)
        for shown in (digest, "a" * 40, known.run_id, "bob approved", "deployed    Production"):
            assert shown in told


def test_a_prediction_is_followed_to_the_version_that_made_it_and_to_what_stood_then(
    gated: Any, version: str, typed: Callable[..., Any], tmp_path: Path
) -> None:
    digest = gated.client("ann").get_model_version(MODEL, version).tags["homologate.digest"]
    stood = gated.ask("bob", "GET", f"/homologate/api/models/{MODEL}/versions/{version}/trace").json["deployments"][0]
    since = datetime.fromisoformat(stood["since"]).timestamp()
    answer = {"label": "non-compliant", "probability": 0.9, "threshold": 0.4}

    def made(identity: str, at: float, by: str) -> Record:
        judge = Judge(MODEL, version, by, ("compliant", "non-compliant"), "server")
        return Record(identity, judge, at, "the hose burst", **answer)

    records = [made("then", since + 0.001, digest), made("before", since - 60, digest), made("other", since, DIGEST)]
    keep(FolderStore(tmp_path / "home" / "collected"), records)
    facts = json.loads(typed("trace", "then", "--json")[1])
    assert facts["version"] == version
    assert facts["prediction"]["text"] == "the hose burst"
    assert facts["prediction"]["in_production"]["version"] == version
    assert "then in Production" in facts["verdict"]
    assert "NOT in Production then" in typed("trace", "before")[1]
    assert "THE STORED BYTES ARE NOT THE ONES THAT ANSWERED" in typed("trace", "other")[1]
    code, _, fault = typed("trace", "nothing")
    assert (code, "no prediction 'nothing'" in fault) == (3, True)


DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize("suffix", ["html", "json"])
def test_one_signed_file_says_it_all_and_any_byte_changed_in_it_is_found(
    version: str, typed: Callable[..., Any], tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"trace.{suffix}"
    code, told, fault = typed("trace", version, "--to", str(file))
    assert (code, f"homologate trace --verify {file}" in told) == (0, True), fault
    code, told, _ = typed("trace", "--verify", str(file))
    assert (code, "is as it was signed" in told) == (0, True)
    whole = file.read_bytes()
    for place in range(5, len(whole) - 5, max(1, len(whole) // 12)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert typed("trace", "--verify", str(file))[0] in (3, 7), place


def test_a_trace_signed_by_a_stranger_is_refused(version: str, typed: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    typed("trace", version, "--to", str(file))
    for key in (tmp_path / "home" / "keys" / "trusted").glob("*.pem"):
        key.unlink()
    make_signing_key(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "keys" / "trusted").rename(tmp_path / "home" / "keys" / "trusted-now")
    (tmp_path / "home" / "keys" / "trusted").rmdir()
    (tmp_path / "home" / "keys" / "trusted-now").rename(tmp_path / "home" / "keys" / "trusted")
    code, _, fault = typed("trace", "--verify", str(file))
    assert (code, "trusted" in fault) == (7, True)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        ((), 2, "name what to trace"),
        (("99999",), 6, "no version '99999'"),
        ((DIGEST,), 6, "no version has the bytes"),
        (("1", "--to", "trace.pdf"), 2, ".html, .json"),
        (("--verify", "nowhere.html"), 5, "cannot read the trace"),
        (("a", "b", "c"), 2, "3 words"),
    ],
)
def test_a_mistake_names_the_value(
    version: str, typed: Callable[..., Any], words: tuple[str, ...], code: int, says: str
) -> None:
    ended, _, fault = typed("trace", *words)
    assert says in fault
    assert ended == code


def test_a_head_is_published_as_tag_and_file_and_a_ledger_is_held_to_every_one(
    gated: Any, version: str, typed: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.setenv(name, "auditor@example.org")
    git = ["git", "-C", str(tmp_path)]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "begin"]):
        subprocess.run([*git, *words], check=True)
    code, told, fault = typed("audit", "publish", "--tag", "--to", "heads.txt")
    assert (code, "git push origin homologate-ledger-" in told) == (0, True), fault
    assert typed("audit", "publish", "--tag")[0] == 0, "the same head again is no fault"
    export = tmp_path / "ledger.jsonl"
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "admin")
    assert typed("audit", "export", "--to", str(export))[0] == 0
    gated.promoted(version, "Staging", MODEL)
    assert typed("audit", "publish", "--tag", "--to", "heads.txt")[0] == 0
    for published in ("heads.txt", "tags"):
        code, told, _ = typed("audit", "verify", str(export), "--published", published)
        assert (code, "rows were cut off" in told) == (7, True), "the export ends before the second head"
    assert typed("audit", "export", "--to", str(export))[0] == 0
    for published in ("heads.txt", "tags"):
        code, told, _ = typed("audit", "verify", str(export), "--published", published)
        assert (code, "holds all 2 published heads" in told) == (0, True)
    (tmp_path / "heads.txt").write_text("not a head\n")
    assert typed("audit", "verify", str(export), "--published", "heads.txt")[0] == 3
    assert typed("audit", "publish")[0] == 2
    code, _, fault = typed("audit", "publish", "--webhook")
    assert (code, "promotion.notify.webhook" in fault) == (2, True)
