"""A project on Azure DevOps: its repository, machines, workspace, endpoint's cloud, ledger and people, on loopback."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from homologate.attest import make_signing_key
from homologate.attest.keys import trust
from homologate.cli import main
from homologate.collection import FolderStore
from homologate.scorer import Scorer
from homologate.scorer.collector import Judge, Privacy, Record, pairs

from .agent import Agent, Outcome, restore
from .az import log_in
from .cloud import Cloud, cloud
from .ledger import ledger_for
from .pipelines import expanded
from .workspace import GROUP, NAME, SUBSCRIPTION, Workspace

ROOT = Path(__file__).resolve().parents[2]
MODEL, ENDPOINT = "component-classifier", "component-classifier"
PEOPLE = ("homologate-release", "ann", "bob")
# What would run these tests again, or what the build's own `make lint` has just done, is only resolved.
RESOLVED = {"make lint": "make --dry-run lint", "make test": "make --dry-run test"}
REGISTRY, WEBAPP = "homologate", "homologate-web"


@dataclass
class World:
    """The project.

    Attributes:
        home: folder of everything.
        agent: its machines.
        cloud: Azure's resource manager and what answers behind the endpoint.
        az: the file of what `az` keeps: images, and which the web app's slots run.
        clicks: what a person was asked to click on, in order.
        runs: how many pipelines began.
    """

    home: Path
    agent: Agent
    cloud: Cloud
    az: Path
    clicks: list[str] = field(default_factory=list)
    runs: int = 0

    def run(self, name: str, *, upstream: Path | None = None, after: Outcome | None = None, **more: str) -> Outcome:
        """Run a pipeline with parameters, or go on with one; its artifacts lie under `artifacts-<name>-<number>`."""
        if after is None:
            self.runs += 1
        variables = {"AZURE_RESOURCE_GROUP": GROUP, "AZUREML_WORKSPACE_NAME": NAME, "SETTLE": "0", "WEB_PATIENCE": "3"}
        variables |= {"Build.BuildId": str(self.runs), "Build.Reason": "IndividualCI"}
        pipeline = expanded(ROOT / ".azure-pipelines" / f"{name}.yml", **more)
        return self.agent.run(pipeline, variables, self.artifacts(name), upstream=upstream, after=copy.deepcopy(after))

    def artifacts(self, name: str) -> Path:
        """Where the last run of a pipeline publishes."""
        return self.home / f"artifacts-{name}-{self.runs}"

    def typed(self, person: str, *words: str) -> dict[str, Any]:
        """What a command answers a person at their own machine, logged in to Azure and to the ledger.

        It runs in this process: a new one loads for seconds, and there are some twenty.
        """
        told = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(told):
            patch.chdir(self.desk)
            for name, value in {**self.environment_of_a_desk, "PGUSER": person}.items():
                patch.setenv(name, value)
            assert main([*words, "--json"]) == 0, told.getvalue()
        answer: dict[str, Any] = json.loads(told.getvalue())
        return answer

    def shell(self, person: str, script: str) -> str:
        """What a script says that has what the pipelines' own steps have."""
        environment = {
            **self.agent.environment, **self.agent.logged_in, "AZUREML_WORKSPACE_NAME": NAME, "VAULT": "homologate",
            "AZURE_RESOURCE_GROUP": GROUP, "MODEL": MODEL, "PYTHONPATH": f"{self.desk}/src:{self.desk}",
            "BUILD_BUILDID": "1000", "BUILD_BUILDNUMBER": "1", "BUILD_SOURCEVERSION": "0", "REGISTRY": REGISTRY,
            "WEBAPP": WEBAPP, "WEB_PATIENCE": "3",
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "-c", f"set -euo pipefail; . .azure-pipelines/workspace.sh; export PGUSER={person}; {script}"],
            cwd=self.desk, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @cached_property
    def desk(self) -> Path:
        """A person's own clone, with the environment of these tests."""
        folder = self.home / "desk"
        subprocess.run(["git", "clone", "--quiet", str(self.agent.repository), str(folder)], check=True)
        restore(folder / ".venv")
        return folder

    @cached_property
    def environment_of_a_desk(self) -> dict[str, str]:
        """What `workspace.sh` leaves in a shell."""
        pairs = (pair.partition("=") for pair in self.shell("nobody", "env -0").split("\0") if pair)
        told = {name: value for name, _, value in pairs}
        return {name: value for name, value in told.items() if name not in {"PYTHONPATH", "PWD", "SHLVL", "_"}}

    def approve(self, name: str, *people: str) -> None:
        """Let people approve the request a release published."""
        run = self.artifacts("release")
        request = json.loads((run / name / "request.json").read_text())["request"]["id"]
        for person in people:
            self.typed(person, "approve", str(request), "--comment", "read it")

    def stands(self) -> dict[str, str | None]:
        """Version by stage, as the ledger has it."""
        stages = self.typed("ann", "history", MODEL, "--at", "2099-01-01")["stages"]
        return {stage: found and str(found["version"]) for stage, found in stages.items()}

    def web(self) -> dict[str, str]:
        """Which image each slot of the web app runs."""
        return {name: slot["image"] for name, slot in json.loads(self.az.read_text())["slots"].items()}

    def predict(self, texts: list[str]) -> list[str]:
        """Judge texts as the version in Production did yesterday, where its collector keeps them; prediction ids."""
        standing = self.typed("ann", "history", MODEL, "--at", "2099-01-01")["stages"]["Production"]
        digest = standing["digest"].removeprefix("sha256:")
        scorer = Scorer(next(self.home.glob(f"machine-*/s/.homologate/models/{digest}")))
        judge = Judge(MODEL, standing["version"], standing["digest"], scorer.labels, "server")
        begun = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        lines: dict[str, str] = {}
        for row, (text, answer) in enumerate(zip(texts, scorer.answers(texts), strict=True)):
            record = Record.of(f"p{row}", judge, begun.timestamp() + row * 60, text, answer)
            for folder, line in pairs(record, Privacy("full")):
                lines[f"{folder}/s.jsonl"] = lines.get(f"{folder}/s.jsonl", "") + line + "\n"
        store = FolderStore(self.home / "predictions")
        for name, content in lines.items():
            assert store.put(name, content.encode())
        return [f"p{row}" for row in range(len(texts))]


@contextmanager
def devops(
    home: Path, workspace: Workspace, postgresql_server: str, files: dict[str, str], settings: dict[str, Any]
) -> Iterator[World]:
    """Set the project up.

    Args:
        home: an empty folder.
        workspace: the running Azure ML workspace.
        postgresql_server: where the ledger is made.
        files: of the repository, beside the working tree's; by name.
        settings: of the project, beside model, ledger, policies and store.
    """
    ledger = ledger_for(postgresql_server, PEOPLE).replace("postgres@", "")
    with cloud(home / "cloud") as running:
        running.secret = workspace.secret
        authorities = home / "authorities.pem"
        authorities.write_bytes(workspace.authority.read_bytes() + running.blobs.authority.read_bytes())
        key = home / "signing.pem"
        told = {
            "model": MODEL,
            "promotion": {"policies": "policies", "ledger": ledger},
            "collection": {"store": str(home / "predictions")},
        }
        _repository(home / "repository", {**files, "homologate.yaml": yaml.safe_dump({**told, **settings})}, key)
        state = log_in(
            home / "bin",
            subscription=SUBSCRIPTION,
            group=GROUP,
            workspace=NAME,
            tracking=workspace.tracking_uri.replace("/mlflow/v2.0/", "/mlflow/v1.0/"),
            token=workspace.token(),
            key=str(key),
            vault="homologate",
            registry=REGISTRY,
            webapp=WEBAPP,
        )
        running.site = _site(state)
        kept = ("PIP_", "UV_", "SSL_", "XDG_", "LANG")
        plain = {name: value for name, value in os.environ.items() if name.startswith(kept)}
        plain |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.environ["HOME"], "GIT_CONFIG_GLOBAL": "/dev/null"}
        logged_in = {
            **{name: value for name, value in running.environment.items() if name != "PATH"},
            "REQUESTS_CA_BUNDLE": str(authorities),
            "SSL_CERT_FILE": str(authorities),
            "CURL_CA_BUNDLE": str(authorities),
            "AZUREML_CURRENT_CLOUD": "AzureCloud",
            "PATH": f"{home / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        }
        agent = Agent(home / "repository", home, plain, logged_in, instead=RESOLVED)
        running.judge = _judge(running, home)
        yield World(home, agent, running, state)


def _repository(folder: Path, files: dict[str, str], key: Path) -> None:
    """The working tree as a commit, with the files of a small project and the public half of its key."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(lambda name: (ROOT / name).is_file(), filter(None, tracked)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
        (folder / name).chmod((ROOT / name).stat().st_mode)
    made = make_signing_key(folder.parent / "key")
    key.write_bytes((folder.parent / "key" / "keys" / "signing.pem").read_bytes())
    trust(made.public, folder / ".azure-pipelines" / "trusted-keys")
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    who = ["-c", "user.name=dev", "-c", "user.email=dev@example.org"]
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "add", "--all"], check=True)
    subprocess.run(["git", *who, "-C", str(folder), "commit", "--quiet", "--message", "Begin"], check=True)


def _site(state: Path) -> Callable[[str], tuple[int, Any]]:
    """Answers `/health` as the image in a slot would: with the commit it was built of."""

    def health(host: str) -> tuple[int, Any]:
        kept = json.loads(state.read_text())
        name = host.partition(".")[0].removeprefix(WEBAPP).removeprefix("-") or "production"
        digest = kept["slots"].get(name, {"image": ""})["image"].partition("@")[2]
        commits = [tag.partition(":")[2] for tag, found in kept["images"].items() if found == digest]
        if not commits:
            return 503, "Application Error"
        return 200, {"status": "ready", "server": "answers", "commit": commits[0]}

    return health


def _judge(running: Cloud, home: Path) -> Callable[[str, dict[str, Any]], tuple[int, Any]]:
    """Answers as the endpoint would: the deployment's own approved bytes, on the scorer."""

    def answer(deployment: str, body: dict[str, Any]) -> tuple[int, Any]:
        name = deployment or max(running.traffic(ENDPOINT).items(), key=lambda one: one[1])[0]
        made = running.resources[f"onlineEndpoints/{ENDPOINT}/deployments/{name}"]["properties"]
        digest = made["environmentVariables"]["HOMOLOGATE_DIGEST"].removeprefix("sha256:")
        directory = next(home.glob(f"machine-*/s/.homologate/models/{digest}"))
        answers = Scorer(directory).answers(body["inputs"])
        return 200, {"predictions": [{"label": one.label, "probability": one.probability} for one in answers]}

    return answer
