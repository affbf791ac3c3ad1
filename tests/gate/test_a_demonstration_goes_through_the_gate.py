"""`homologate demo` takes a version through a real gate as three accounts, and goes on where it was killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homologate.accounts import APPROVERS, AUTHOR, Accounts
from registry_promotion.client import GateClient
from registry_promotion.demonstration import Demonstration

MODEL = "brakes-demo"
UNINTERRUPTED = ["request", "approval", "transition", "request", "approval", "approval", "transition"]

KILLED_AFTER_ONE_STEP = """
import json, os, signal, sys
from pathlib import Path
from homologate.accounts import Accounts
from registry_promotion.demonstration import Demonstration

uri, home, model, version = sys.argv[1:]

def say(line):
    print(line, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

print(json.dumps(Demonstration(uri, Accounts.known(Path(home)), model, version, say=say).run()["stage"]))
"""


@pytest.fixture(scope="module")
def accounts(gated: Any, tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    """Demo accounts, known to the shared server."""
    made = Accounts.made(tmp_path_factory.mktemp("demo"), demonstration=True)
    for name in (AUTHOR, *APPROVERS):
        person = {"username": name, "password": made.passwords[name]}
        assert gated.ask("admin", "POST", "/api/2.0/mlflow/users/create", person).status == 200
    return made


def demonstrate(gated: Any, accounts: Accounts, version: str, say: Callable[[str], None] = print) -> Any:
    return Demonstration(gated.url, accounts, MODEL, version, say=say).run()


def kinds(gated: Any, accounts: Accounts, version: str) -> list[str]:
    rows = GateClient(gated.url, accounts.login(AUTHOR)).get(f"models/{MODEL}/history")["rows"]
    return [row["kind"] for row in rows if row["version"] == version]


def test_a_version_goes_to_production_by_two_others_and_a_second_time_nothing_is_asked(
    gated: Any, accounts: Accounts, make_version: Callable[..., str]
) -> None:
    version = make_version(gated, MODEL)
    facts = demonstrate(gated, accounts, version)
    assert (facts["stage"], facts["reused"], facts["refused"]) == ("Production", False, None)
    staging, production = facts["requests"]
    assert [one["by"] for one in staging["request"]["approvals"]] == ["demo-approver-1"]
    assert [one["by"] for one in production["request"]["approvals"]] == list(APPROVERS)
    assert production["request"]["requested_by"] == AUTHOR
    assert gated.stage(version, MODEL) == "Production"
    told: list[str] = []
    again = demonstrate(gated, accounts, version, told.append)
    assert (again["reused"], again["requests"], told) == (True, [], [])
    assert kinds(gated, accounts, version) == UNINTERRUPTED


def test_killed_after_every_step_it_goes_on_where_it_was_and_doubles_nothing(
    gated: Any, accounts: Accounts, make_version: Callable[..., str]
) -> None:
    version = make_version(gated, MODEL)
    words = [sys.executable, "-c", KILLED_AFTER_ONE_STEP, gated.url, str(accounts.file.parent), MODEL, version]
    for _ in range(len(UNINTERRUPTED)):
        assert subprocess.run(words, capture_output=True, timeout=120, check=False).returncode == -9
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, json.loads(done.stdout)) == (0, "Production"), done.stderr
    assert kinds(gated, accounts, version) == UNINTERRUPTED


def test_what_a_rule_refuses_is_told_with_its_fix_and_is_not_asked_again(
    gated: Any, accounts: Accounts, make_version: Callable[..., str]
) -> None:
    def leave_out_the_training(made: Any) -> None:
        for path in [path for path in made.evidence if path.startswith("training/")]:
            del made.evidence[path]

    version = make_version(gated, MODEL, evidence=leave_out_the_training)
    for asked_before in (False, True):
        told: list[str] = []
        facts = demonstrate(gated, accounts, version, told.append)
        assert facts["stage"] is None
        refusing = {rule["id"]: rule for rule in facts["refused"]["decision"]["rules"] if rule["status"] != "met"}
        assert refusing["clean-commit"]["fix"] == "commit and train again"
        assert ("nothing has changed since" in told[0]) is asked_before
    assert kinds(gated, accounts, version) == ["request", "refusal"]
    assert gated.stage(version, MODEL) == "None"


def test_a_person_who_says_no_is_not_asked_again(
    gated: Any, accounts: Accounts, make_version: Callable[..., str]
) -> None:
    version = make_version(gated, MODEL)
    request = gated.requested(version, "Staging", by="ann", model=MODEL)
    assert gated.post("bob", f"requests/{request}/reject", comment="not on a Friday").status == 200
    facts = demonstrate(gated, accounts, version)
    assert facts["stage"] is None
    assert facts["refused"]["request"]["state"] == "rejected"
    assert kinds(gated, accounts, version) == ["request", "rejection"]


def test_a_home_of_real_people_pretends_nobodys_approval(tmp_path: Path) -> None:
    Accounts.made(tmp_path / "home", demonstration=False)
    (tmp_path / "homologate.yaml").write_text(f"home: {tmp_path}/home\n")
    for words, told in (
        (["demo"], "nobody's approval is pretended here"),
        (["up", "--demo"], "real people decide what goes to Production here"),
    ):
        call = [sys.executable, "-m", "homologate", *words, "--settings", str(tmp_path / "homologate.yaml")]
        answer = subprocess.run(call, capture_output=True, text=True, timeout=60, check=False)
        assert answer.returncode == 2
        assert told in answer.stderr
