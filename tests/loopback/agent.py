"""A build agent: carries out a pipeline as Azure Pipelines would, every job on a clean machine, every script for real.

What the service itself does is played here (checkout, cache, artifacts, conditions, a person's click); what a script
does is done. Anything a pipeline uses that is not known here is an error, so that no step passes unrun.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .conditions import holds

MACRO = re.compile(r"\$\(([A-Za-z][\w.]*)\)")
OUTPUT = re.compile(r"^##vso\[task\.setvariable variable=(\w+);isOutput=true\](.*)$", re.MULTILINE)
SILENT = ("UsePythonVersion@0",)


@dataclass(frozen=True)
class Ran:
    """One script that ran: where it stands, its exit code, and all it said."""

    stage: str
    job: str
    title: str
    code: int
    said: str


@dataclass
class Outcome:
    """What became of a pipeline: `Succeeded`, `Failed` or `Skipped` by stage, and every script in order."""

    stages: dict[str, str] = field(default_factory=dict)
    ran: list[Ran] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)

    def of(self, title: str) -> Ran:
        """The last script with this title."""
        return [one for one in self.ran if one.title == title][-1]


@dataclass
class Agent:
    """One project of Azure DevOps and its machines.

    Attributes:
        repository: what is checked out.
        home: where machines and artifacts are.
        environment: of every script.
        logged_in: more of it for scripts that run as the service connection.
        click: answers a check or a manual validation, asked by the environment's name or the task's title: yes, no, or
            None where nobody came in time.
        instead: commands that are not run in full, with what is run for them.
    """

    repository: Path
    home: Path
    environment: Mapping[str, str]
    logged_in: Mapping[str, str]
    click: Callable[[str], bool | None] = lambda _: True
    instead: Mapping[str, str] = field(default_factory=dict)
    _machines: int = 0

    def run(
        self,
        pipeline: Mapping[str, Any],
        variables: Mapping[str, str],
        artifacts: Path,
        *,
        upstream: Path | None = None,
        after: Outcome | None = None,
    ) -> Outcome:
        """Carry out a pipeline; with `after`, go on with the stages that run did not finish.

        Args:
            pipeline: as `loopback.pipelines.expanded` reads it.
            variables: go before the pipeline's own.
            artifacts: where this run publishes.
            upstream: where the run it was triggered by has published.
            after: an earlier run of it.
        """
        outcome = after or Outcome()
        known = {one["name"]: one["value"] for one in pipeline.get("variables", [])} | dict(variables)
        before: str | None = None
        for stage in pipeline["stages"]:
            name, needed = stage["stage"], stage.get("dependsOn", before)
            before = name
            if outcome.stages.get(name) == "Succeeded":
                continue
            results = {needed: outcome.stages[needed]} if needed else {}
            if not holds(stage.get("condition", "succeeded()"), known, results, outcome.outputs):
                outcome.stages[name] = "Skipped"
                continue
            outcome.stages[name] = "Succeeded"
            for job in stage["jobs"]:
                if not self._job(name, job, known, artifacts, upstream, outcome):
                    outcome.stages[name] = "Failed"
                    break
        return outcome

    def _job(
        self, stage: str, job: Mapping[str, Any], known: Mapping[str, str], artifacts: Path, upstream: Path | None,
        outcome: Outcome,
    ) -> bool:  # fmt: skip
        name = job.get("job") or job["deployment"]
        if "environment" in job and not self.click(job["environment"]):
            return False
        place = (stage, name, known, artifacts, upstream, outcome)
        if "steps" in job:
            return self._steps(job["steps"], *place)
        once = job["strategy"]["runOnce"]
        done = self._steps(once["deploy"]["steps"], *place)
        if not done and "on" in once:
            self._steps(once["on"]["failure"]["steps"], *place)
        return done

    def _steps(
        self, steps: list[Mapping[str, Any]], stage: str, job: str, known: Mapping[str, str], artifacts: Path,
        upstream: Path | None, outcome: Outcome,
    ) -> bool:  # fmt: skip
        machine = self._machine()
        told = {**known, **self._predefined(machine)}
        succeeded = True
        for step in steps:
            if not holds(step.get("condition", "succeeded()"), told, {"": "Succeeded" if succeeded else "Failed"}, {}):
                continue
            task = step.get("task", "")
            if "checkout" in step:
                subprocess.run(
                    ["git", "clone", "--quiet", str(self.repository), str(machine / "s")],
                    check=True, env=dict(self.environment),
                )  # fmt: skip
            elif task == "Cache@2":
                restore(machine / "s" / ".venv")
            elif "download" in step:
                source = artifacts if step["download"] == "current" else upstream
                folder = machine if step["download"] == "current" else machine / step["download"]
                shutil.copytree((source or artifacts) / step["artifact"], folder / step["artifact"])
            elif task == "PublishPipelineArtifact@1":
                source = Path(_filled(step["inputs"]["targetPath"], told))
                shutil.copytree(source, artifacts / step["inputs"]["artifact"], dirs_exist_ok=True)
            elif task == "ManualValidation@1":
                answer = self.click(step["displayName"])
                succeeded = step["inputs"].get("onTimeout") == "resume" if answer is None else answer
            elif "bash" in step or task == "AzureCLI@2":
                script = _filled(step["bash"] if "bash" in step else step["inputs"]["inlineScript"], told)
                begun = time.monotonic()
                code, said = self._script(script, machine / "s", told, step.get("env", {}), azure=bool(task))
                print(f"{stage}/{job}: {step.get('displayName', '')} → {code} ({time.monotonic() - begun:.1f} s)")
                outcome.ran.append(Ran(stage, job, step.get("displayName", ""), code, said))
                for variable, value in OUTPUT.findall(said):
                    outcome.outputs[f"{stage}.{job}.{step['name']}.{variable}"] = value
                succeeded = succeeded and code == 0
            elif task not in SILENT:
                raise ValueError(f"{stage}/{job}: nobody here knows the step {step}")
        return succeeded

    def _script(
        self, script: str, folder: Path, told: Mapping[str, str], more: Mapping[str, str], *, azure: bool
    ) -> tuple[int, str]:
        for command, other in self.instead.items():
            script = re.sub(rf"^{re.escape(command)}$", other, script, flags=re.MULTILINE)
        environment = {
            **{name.upper().replace(".", "_"): value for name, value in told.items()},
            **self.environment,
            "PYTHONPATH": f"{folder}/src:{folder}",  # what the editable install of `make setup` gives
            **(self.logged_in if azure else {}),
            **{name: _filled(value, told) for name, value in more.items()},
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", script], cwd=folder, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout

    def _machine(self) -> Path:
        self._machines += 1
        machine = self.home / f"machine-{self._machines}"
        for folder in ("a", "tmp"):
            (machine / folder).mkdir(parents=True)
        return machine

    def _predefined(self, machine: Path) -> dict[str, str]:
        """Azure's predefined variables, as far as scripts may use them."""
        commit = subprocess.run(
            ["git", "-C", str(self.repository), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        return {
            "Agent.OS": "Linux",
            "Agent.TempDirectory": str(machine / "tmp"),
            "Build.ArtifactStagingDirectory": str(machine / "a"),
            "Build.BuildNumber": "20260301.1",
            "Build.SourcesDirectory": str(machine / "s"),
            "Build.SourceVersion": commit,
            "Pipeline.Workspace": str(machine),
            "TF_BUILD": "True",
        }


def _filled(text: str, told: Mapping[str, str]) -> str:
    """Macros replaced; what is no variable stays, as the service leaves it (bash has `$(command)` too)."""
    return MACRO.sub(lambda found: told.get(found[1], found[0]), text)


def restore(folder: Path) -> None:
    """The environment of the lock, as the cache gives it back: that of these tests."""
    folder.mkdir()
    for entry in Path(sys.prefix).iterdir():
        if not entry.name.startswith(".installed"):
            (folder / entry.name).symlink_to(entry)
    (folder / ".installed").touch()
    os.utime(folder / ".installed")
