"""`homologate request`, `approve`, `promote` and the rest, typed by several people against a real gated server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homologate.cli import main


@pytest.fixture
def typed(gated: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Types a command as somebody; returns exit code, what was printed, and what went to stderr."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", gated.url)

    def type_as(person: str, *words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", person)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "correct horse battery")
        code = main(words)
        told = capsys.readouterr()
        return code, told.out, told.err

    return type_as


def test_two_people_take_a_version_to_production_by_command(
    gated: Any, typed: Callable[..., Any], make_version: Callable[..., str], tmp_path: Path
) -> None:
    model = "brakes-typed"
    first, second = make_version(gated, model), make_version(gated, model)
    for version in (first, second):
        code, told, _ = typed(
            "ann", "request", model, version, "--to", "production", "--reason", "better\nfar", "--json"
        )
        assert code == 0
        request = json.loads(told)["request"]["id"]
        code, told, _ = typed("bob", "request", "--show", request)
        assert "The evidence holds" in told
        assert f"homologate approve {request}" in told
        code, _, fault = typed("ann", "approve", request, "--comment", "mine")
        assert code == 7
        assert "made this version" in fault
        for person in ("bob", "cleo"):
            assert typed(person, "approve", request, "--comment", "read it")[0] == 0
        code, told, _ = typed("cleo", "request", "--show", request)
        asked, more, *answers = told.splitlines()[1:5]
        assert re.fullmatch(r"Asked by ann, 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC: better", asked)
        assert more == "  far"
        assert answers == ["  bob approved: read it", "  cleo approved: read it"]
        code, told, _ = typed("ann", "promote", request)
        assert code == 0
        assert f"{model} version {version} is in Production" in told
    assert gated.in_stage("Production", model) == [second]

    code, told, _ = typed("bob", "history", model)
    assert told.index(f"Version {first} put into Production") < told.index(f"Version {second} put into Production")
    code, told, _ = typed("bob", "history", model, "--at", "2020-01-01")
    assert "Production  nothing" in told
    code, told, _ = typed("ann", "rollback", model, "--reason", "stops good hoses")
    assert f"{model} version {first} is back in Production" in told

    export = tmp_path / "ledger.jsonl"
    code, told, _ = typed("admin", "audit", "export", "--to", str(export), "--json")
    head = json.loads(told)["head"]
    assert typed("bob", "audit", "verify", str(export), "--head", head)[0] == 0
    export.write_bytes(export.read_bytes().replace(b"stops good hoses", b"stops bad hoses!"))
    code, told, _ = typed("bob", "audit", "verify", str(export), "--head", head)
    assert code == 7
    assert "row" in told


def test_a_request_that_does_not_hold_says_every_rule_and_what_would_mend_it(
    gated: Any, typed: Callable[..., Any], make_version: Callable[..., str]
) -> None:
    version = make_version(gated)
    source = gated.client("ann").get_model_version("brakes", version).source
    (gated.home / "artifacts" / source.partition(":/")[2].lstrip("/") / "model.onnx").write_bytes(b"other")
    code, told, _ = typed("ann", "request", "brakes", version, "--to", "Production", "--reason", "x")
    assert code == 7, "a pipeline stops here instead of waiting for people"
    assert "may not go to Production" in told
    assert told.rstrip().endswith("Next: mend what refuses, register that, and ask for the new version.")
    assert "x verification" in told
    assert "→" in told
    code, told, _ = typed("bob", "evidence", "verify", "brakes", version, "--at-gate")
    assert code == 7
    assert "NOT verified" in told


def test_a_list_a_rejection_and_the_policies_are_shown(
    gated: Any, typed: Callable[..., Any], make_version: Callable[..., str]
) -> None:
    request = gated.requested(make_version(gated))
    assert f"{request}  brakes" in typed("bob", "request", "--list")[1]
    code, told, _ = typed("bob", "reject", request, "--comment", "not yet")
    assert code == 0
    assert "rejected" in told
    assert "tests-production" in typed("bob", "policy", "explain")[1]
    code, told, _ = typed("bob", "policy", "explain", "--shipped")
    assert "2 different people" in told
    assert typed("bob", "audit", "head")[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("request", "brakes"), 2, "version, to, reason"),
        (("request", "brakes", "1", "--to", "Prod", "--reason", "x"), 2, "no stage 'Prod'"),
        (("request", "brakes", "99999", "--to", "Staging", "--reason", "x"), 6, "no version '99999'"),
        (("request", "elsewhere", "1", "--to", "Staging", "--reason", "x"), 2, "not under the gate"),
        (("approve", "99999", "--comment", "x"), 2, "no request '99999'"),
        (("promote",), 2, "name a request"),
        (("promote", "--break-glass", "brakes", "1"), 2, "needs --reason"),
        (("promote", "--break-glass", "brakes", "1", "--reason", "x"), 7, "may not break the glass"),
        (("rollback", "brakes-nothing", "--reason", "x"), 7, "no earlier Production version"),
        (("history", "brakes", "--at", "yesterday"), 2, "'yesterday' is no moment"),
        (("policy", "explain", "--folder", "nowhere"), 2, "no policy in 'nowhere'"),
        (("history", "hoses"), 2, "'hoses' is not under the gate"),
        (("history", "hoses", "--at", "2026-03-01"), 2, "'hoses' is not under the gate"),
        (("rollback", "hoses", "--reason", "x"), 2, "'hoses' is not under the gate"),
        (("audit", "verify", "nowhere.jsonl"), 5, "next:  homologate audit export --to nowhere.jsonl"),
        (("audit", "export", "--to", "/"), 7, "is not an admin"),
    ],
)
def test_every_mistake_names_the_value_and_ends_with_its_code(
    gated: Any, typed: Callable[..., Any], version: str, words: tuple[str, ...], code: int, says: str
) -> None:
    ended, _, fault = typed("dan", *words)
    assert says in fault
    assert ended == code


def test_a_wrong_password_and_a_server_without_a_gate_are_said_plainly(
    gated: Any, mlflow_server: str, typed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, fault = typed("nobody", "audit", "head")
    assert (code, "does not know this account" in fault) == (7, True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    code, _, fault = typed("ann", "audit", "head")
    assert (code, "runs no gate" in fault) == (4, True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    code, _, fault = typed("ann", "audit", "head")
    assert (code, "is part of an MLflow server" in fault) == (4, True)


@pytest.fixture(scope="module")
def version(gated: Any, make_version: Callable[..., str]) -> str:
    """One version, so that the model exists."""
    return make_version(gated)
