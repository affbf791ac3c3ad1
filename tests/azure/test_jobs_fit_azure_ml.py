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

ROOT = Path(__file__).resolve().parents[2]
JOBS = ROOT / "azure" / "jobs"
PIPELINES = ("pipeline", "monitor", "retrain")
_LOAD = """
import json, logging, sys
from pathlib import Path
logging.disable(logging.WARNING)
from azure.ai.ml import load_component, load_compute, load_data, load_environment, load_job
from azure.ai.ml import load_online_deployment, load_online_endpoint
from azure.ai.ml.entities._load_functions import load_schedule
root, told = Path(sys.argv[1]), {}
jobs = root / "jobs"
for file in sorted((jobs / "components").glob("*.yml")):
    component = load_component(file)
    told[file.stem] = {"passed": component._validate().passed, "rest": component._to_rest_object().as_dict()}
for name in ("pipeline", "monitor", "retrain"):
    job = load_job(jobs / f"{name}.yml")
    told[f"job {name}"] = {"passed": job._validate().passed, "rest": job._to_rest_object().as_dict()}
told["sweep"] = {"passed": True, "rest": load_job(jobs / "sweep.yml")._to_rest_object().as_dict()}
for name in ("monitor", "retrain"):
    told[f"schedule {name}"] = {"passed": load_schedule(jobs / f"schedule-{name}.yml")._validate().passed}
for load, file in (
    (load_environment, jobs / "environment.yml"), (load_compute, jobs / "compute.yml"), (load_data, jobs / "data.yml"),
    (load_environment, root / "online" / "environment.yml"), (load_online_endpoint, root / "online" / "endpoint.yml"),
    (load_online_deployment, root / "online" / "deployment.yml"),
):
    told[str(file.relative_to(root))] = {"passed": load(file) is not None}
print(json.dumps(told, default=str))
"""


@pytest.fixture(scope="module")
def loaded(azure_environment: Callable[[str], Path]) -> dict[str, Any]:
    """What the SDK made of every file."""
    words = [str(azure_environment("azure-ml")), "-c", _LOAD, str(ROOT / "azure")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def test_the_sdk_takes_every_file(loaded: dict[str, Any]) -> None:
    assert {name: one["passed"] for name, one in loaded.items()} == dict.fromkeys(loaded, True)
    assert len(loaded) == len(list((JOBS / "components").glob("*.yml"))) + 3 + 1 + 2 + 6


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
    assert loaded["job pipeline"]["rest"]["properties"]["jobs"].keys() == {
        "prepare", "train", "export", "evaluate", "explain", "register"
    }  # fmt: skip
