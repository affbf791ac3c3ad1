"""The GitHub workflows run the scripts of the Azure pipelines, to the letter and in order, with no more rights."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback.pipelines import expanded, scripts

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
NAMES = ("build", "release", "retrain")
# What is read, besides names: `contents` for the checkout, `actions` for what the build published.
RIGHTS = {
    "build": {"contents": "read"},
    "release": {"contents": "read", "actions": "read", "id-token": "write"},
    "retrain": {"contents": "read", "id-token": "write"},
}


def workflow(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
    return read


def steps(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Every step with the name of its job, in order."""
    return [(job, step) for job, about in workflow(name)["jobs"].items() for step in about["steps"]]


def test_there_is_a_workflow_for_each_pipeline_and_it_fits_its_schema() -> None:
    files = [str(file) for file in sorted(FOLDER.glob("*.yml"))]
    assert [Path(file).stem for file in files] == sorted(NAMES)
    words = [str(Path(sys.executable).parent / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*words, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_each_workflow_runs_the_scripts_of_the_pipeline_to_the_letter_and_in_order(name: str) -> None:
    azure = [(one.title, one.text.strip()) for one in scripts(expanded(ROOT / ".azure-pipelines" / f"{name}.yml"))]
    github = [(step["name"], step["run"].strip()) for _, step in steps(name) if "run" in step]
    plain = {"make setup", "make azure"}
    assert [one for one in github if one[1] not in plain] == [one for one in azure if one[1] not in plain]


@pytest.mark.parametrize("name", NAMES)
def test_what_scripts_take_from_azures_variables_the_workflow_gives(name: str) -> None:
    shared = (ROOT / ".azure-pipelines" / "workspace.sh").read_text()
    functions = dict(re.findall(r"^(\w+)\(\) \{\n(.*?)^\}", shared, re.MULTILINE | re.DOTALL))
    made = workflow(name)
    for job, step in steps(name):
        text = step.get("run", "")
        text += "".join(body for function, body in functions.items() if re.search(rf"\b{function} ", text))
        given = {*made.get("env", {}), *made["jobs"][job].get("env", {}), *step.get("env", {})}
        taken = re.findall(r"\$\{?((?:BUILD|PIPELINE)_[A-Z]+|MODEL|ENDPOINT|SETTLE|PRESET|VERSION)\b", text)
        assert set(taken) <= given, (job, step["name"])


@pytest.mark.parametrize("name", NAMES)
def test_no_workflow_holds_a_secret_or_more_rights_than_it_uses(name: str) -> None:
    text, made = (FOLDER / f"{name}.yml").read_text(), workflow(name)
    assert "secrets." not in text
    assert "pull_request_target" not in text
    assert made["permissions"] == RIGHTS[name]
    for job, about in made["jobs"].items():
        rights = about.get("permissions", made["permissions"])
        logs_in = any(step.get("uses", "").startswith("azure/login@") for step in about["steps"])
        assert ("id-token" in rights) is logs_in, job
    for _, step in steps(name):
        # An expression inside a script would be code of whoever named a branch.
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("name", NAMES)
def test_every_action_is_pinned_by_its_whole_commit_and_the_same_everywhere(name: str) -> None:
    used = re.findall(r"uses: (\S+)@(\S+)(.*)", (FOLDER / f"{name}.yml").read_text())
    assert used
    everywhere = "".join(file.read_text() for file in FOLDER.glob("*.yml"))
    for action, commit, note in used:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", note), f"{action}: say which release the commit is"
        assert len(set(re.findall(rf"{action}@(\S+)", everywhere))) == 1


def test_people_stand_before_both_moves_and_a_failed_production_goes_back() -> None:
    made = workflow("release")["jobs"]
    assert {job: about.get("environment") for job, about in made.items()} == {
        "request": None, "promote": "homologate-staging", "shadow": None, "production": "homologate-production"
    }  # fmt: skip
    order = ["request", "promote", "shadow", "production"]
    assert [about.get("needs") for about in made.values()] == [None, *order[:-1]]
    assert made["production"]["steps"][-1]["if"] == "failure()"
