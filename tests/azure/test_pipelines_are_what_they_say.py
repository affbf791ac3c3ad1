"""The pipelines fit the service's schema, name only what exists, store no credential, and ask the ledger to move."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback.conditions import holds
from loopback.pipelines import expanded, scripts

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".azure-pipelines"
PIPELINES = ("build", "release", "retrain")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The service's schema, as check-jsonschema carries it."""
    source = files("check_jsonschema") / "builtin_schemas" / "vendor" / "azure-pipelines.json"
    read: dict[str, Any] = json.loads(source.read_text(encoding="utf-8"))
    return read


def faults_of(pipeline: Any, schema: dict[str, Any]) -> list[str]:
    from jsonschema import Draft7Validator

    return [
        f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}"
        for e in Draft7Validator(schema).iter_errors(pipeline)
    ]


@pytest.mark.parametrize("name", PIPELINES)
def test_each_pipeline_fits_the_services_schema(name: str, schema: dict[str, Any]) -> None:
    assert faults_of(expanded(FOLDER / f"{name}.yml"), schema) == []


def test_a_condition_that_names_what_is_not_known_is_found() -> None:
    for condition in ("hopefully()", "eq(variables.Build.Reason, 'x')", "and(succeeded(), foo"):
        with pytest.raises((ValueError, IndexError)):
            holds(condition, {}, {}, {})


def test_the_schema_finds_a_wrong_input_and_an_unknown_key(schema: dict[str, Any]) -> None:
    pipeline = expanded(FOLDER / "build.yml")
    pipeline["stages"][0]["jobs"][0]["steps"].append({"task": "AzureCLI@2", "inputs": {"scriptTipe": "bash"}})
    assert faults_of(pipeline, schema)


@pytest.mark.parametrize("name", PIPELINES)
def test_stages_and_jobs_depend_on_what_exists_and_conditions_use_known_functions(name: str) -> None:
    pipeline = expanded(FOLDER / f"{name}.yml")
    seen: list[str] = []
    for stage in pipeline["stages"]:
        assert_depends(stage, seen)
        holds(stage.get("condition", "succeeded()"), {}, {}, {})
        seen.append(stage["stage"])
        jobs: list[str] = []
        for job in stage["jobs"]:
            assert_depends(job, jobs)
            holds(job.get("condition", "succeeded()"), {}, {}, {})
            jobs.append(job.get("job") or job["deployment"])
            for steps in steps_of(job):
                names = [step["name"] for step in steps if "name" in step]
                assert len(set(names)) == len(names), "the service takes a name once a job"
        assert len(set(jobs)) == len(jobs)


def steps_of(job: dict[str, Any]) -> list[list[dict[str, Any]]]:
    if "steps" in job:
        return [job["steps"]]
    once = job["strategy"]["runOnce"]
    return [once["deploy"]["steps"], once.get("on", {}).get("failure", {}).get("steps", [])]


def assert_depends(part: dict[str, Any], earlier: list[str]) -> None:
    wanted = part.get("dependsOn", [])
    for one in [wanted] if isinstance(wanted, str) else wanted:
        assert one in earlier, f"dependsOn {one!r}, known before it: {earlier}"


@pytest.mark.parametrize("name", PIPELINES)
def test_no_credential_is_stored_and_every_azure_step_is_the_service_connection(name: str) -> None:
    text = (FOLDER / f"{name}.yml").read_text() + "".join(p.read_text() for p in (FOLDER / "templates").glob("*.yml"))
    for word in (
        "password",
        "secretVariable",
        "isSecret",
        "AccountKey",
        "clientSecret",
        "addSpnToEnvironment",
        "SYSTEM_ACCESSTOKEN",
    ):
        assert word.lower() not in text.lower()
    for stage in expanded(FOLDER / f"{name}.yml")["stages"]:
        for job in stage["jobs"]:
            steps = job.get("steps") or job["strategy"]["runOnce"]["deploy"]["steps"]
            for step in steps:
                if step.get("task", "").startswith("AzureCLI@"):
                    assert step["inputs"]["azureSubscription"] == "$(serviceConnection)"


def test_a_build_starts_when_code_data_definition_or_policy_changes() -> None:
    paths = expanded(FOLDER / "build.yml")["trigger"]["paths"]["include"]
    for path in ("src", "registry_promotion", "serve", "requirements", "MLproject", "homologate.yaml"):
        assert path in paths
    for path in paths:
        assert (ROOT / path).exists() or path == "homologate.yaml", path


def test_every_move_in_the_release_asks_the_ledger_after_a_person_was_waited_for() -> None:
    release = expanded(FOLDER / "release.yml")
    moves = [one for one in scripts(release) if "homologate promote" in one.text]
    assert [(one.stage, one.job) for one in moves] == [("Staging", "promote"), ("Production", "production")]
    stages = [stage["stage"] for stage in release["stages"]]
    assert stages == ["Staging", "Shadow", "Decide", "Production"]
    [wait] = release["stages"][2]["jobs"]
    [task] = wait["steps"]
    assert (wait["pool"], task["task"], task["inputs"]["onTimeout"]) == ("server", "ManualValidation@1", "reject")
    assert task["inputs"]["notifyUsers"] == "$(APPROVERS)"
    assert int(wait["timeoutInMinutes"]) > 0
    environments = [job["environment"] for stage in release["stages"] for job in stage["jobs"] if "deployment" in job]
    assert environments == ["homologate-staging", "homologate-production"]


def test_a_failed_production_goes_back_by_itself() -> None:
    back = [one for one in scripts(expanded(FOLDER / "release.yml")) if one.on_failure and one.azure]
    assert ["go_back " in one.text for one in back] == [True]


def test_scripts_call_commands_and_targets_that_exist() -> None:
    from homologate.cli import declared_commands

    known = {command.name for command in declared_commands()}
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    entries = set(yaml.safe_load((ROOT / "MLproject").read_text())["entry_points"])
    for name in PIPELINES:
        for one in scripts(expanded(FOLDER / f"{name}.yml")):
            assert set(re.findall(r"\bhomologate ([a-z]+)", one.text)) <= known, one
            assert set(re.findall(r"^make ([a-z]+)", one.text, re.MULTILINE)) <= targets, one
            assert set(re.findall(r"--entry-point (\w+)", one.text)) <= entries, one
