"""Azure ML's own SDK takes every job, component and definition, and each step is the command a laptop runs."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.azure import payloads

ROOT = Path(__file__).resolve().parents[2]
JOBS = ROOT / "azure" / "jobs"
PIPELINES = ("pipeline", "monitor", "retrain")


@pytest.fixture(scope="module")
def loaded(azure_environment: Callable[[str], Path]) -> dict[str, Any]:
    """What the SDK made of every file."""
    return payloads.of_the_sdk(azure_environment("azure-ml"))


def test_the_sdk_takes_every_file(loaded: dict[str, Any]) -> None:
    assert {name: one["passed"] for name, one in loaded.items()} == dict.fromkeys(loaded, True)
    assert loaded.keys() == {str(file.relative_to(ROOT / "azure")) for file in payloads.files()}


def test_what_is_sent_to_azure_is_what_was_kept_to_the_letter(loaded: dict[str, Any]) -> None:
    """A new SDK or a changed file shows here as a difference to read: `python tests/azure/payloads.py` keeps it."""
    kept = json.loads(payloads.KEPT.read_text())
    assert kept.keys() == loaded.keys()
    for name, one in loaded.items():
        assert one["rest"] == kept[name], f"{name}: if this is meant, python tests/azure/payloads.py keeps it"


def test_schedules_start_their_jobs_and_the_search_maximises_what_training_logs(loaded: dict[str, Any]) -> None:
    from homologate.settings import PRESETS

    for name in ("monitor", "retrain"):
        properties = loaded[f"jobs/schedule-{name}.yml"]["rest"]["properties"]
        assert properties["trigger"]["triggerType"] == "Cron"
        assert properties["action"]["jobDefinition"]["displayName"] == f"homologate-{name}"
    sweep = loaded["jobs/sweep.yml"]["rest"]["properties"]
    assert sweep["objective"] == {"goal": "maximize", "primaryMetric": "valid_average_precision"}
    assert {"learning_rate", "epochs", "seed"} == sweep["searchSpace"].keys()
    assert {"learning_rate", "epochs", "seed"} <= type(PRESETS["full"]).model_fields.keys()


@pytest.mark.parametrize("name", PIPELINES)
def test_each_step_is_given_the_inputs_its_component_declares_and_no_other(name: str) -> None:
    """The SDK's own validation misses an input nobody declared."""
    pipeline = yaml.safe_load((JOBS / f"{name}.yml").read_text())
    done: dict[str, set[str]] = {}
    for step, job in pipeline["jobs"].items():
        component = yaml.safe_load((JOBS / job["component"]).read_text())
        declared = component.get("inputs", {})
        required = {one for one, about in declared.items() if "default" not in about}
        given = set(job.get("inputs", {}))
        assert required <= given <= declared.keys(), step
        for value in job.get("inputs", {}).values():
            for other, output in re.findall(r"parent\.jobs\.(\w+)\.outputs\.(\w+)", value):
                assert output in done[other], f"{step}: {value}"
            for parameter in re.findall(r"parent\.inputs\.(\w+)", value):
                assert parameter in pipeline["inputs"], f"{step}: {value}"
        for used in re.findall(r"\$\{\{(inputs|outputs)\.(\w+)\}\}", component["command"]):
            assert used[1] in component[used[0]], f"{step}: {used}"
        done[step] = set(component["outputs"])


def test_a_step_runs_the_verb_of_the_same_name_with_options_it_has() -> None:
    from homologate.cli import declared_commands, parser_of

    verbs = {command.name: command for command in declared_commands()}
    for file in sorted((JOBS / "components").glob("*.yml")):
        command = yaml.safe_load(file.read_text())["command"]
        assert f"python -m homologate {file.stem} " in command
        import importlib

        parser = parser_of(verbs[file.stem], importlib.import_module(verbs[file.stem].module))
        for option in re.findall(r"(?<=\s)--[a-z-]+", command):
            assert option in parser.format_help(), f"{file.stem}: {option}"


def test_run_ids_travel_as_the_facts_of_the_step_before(loaded: dict[str, Any], tmp_path: Path) -> None:
    command = yaml.safe_load((JOBS / "components" / "train.yml").read_text())["command"]
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({"run_id": "abc"}))
    shell = command.replace("${{inputs.prepared}}", str(facts)).replace("${{inputs.preset}}", "quick")
    shell = shell.replace("PYTHONPATH=src:. python -m homologate", "echo").partition(" --json")[0]
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "train --data-run abc --preset quick"
    assert loaded["jobs/pipeline.yml"]["rest"]["properties"]["jobs"].keys() == {
        "prepare", "train", "export", "evaluate", "explain", "register"
    }  # fmt: skip
