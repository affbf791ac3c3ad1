"""Every script of every pipeline, run in order on clean machines; what moves a version is the ledger, not a click."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback.agent import Agent, Outcome
from loopback.cloud import Cloud, cloud
from loopback.conditions import holds
from loopback.pipelines import expanded
from loopback.workspace import GROUP, NAME, SUBSCRIPTION, Workspace

from homologate.collection import FolderStore
from homologate.scorer import Scorer
from homologate.scorer.collector import Judge, Privacy, Record, pairs
from tests.gate.conftest import POLICY

ROOT = Path(__file__).resolve().parents[2]
MODEL, ENDPOINT = "component-classifier", "component-classifier"
PEOPLE = ("homologate-release", "ann", "bob")
# What would run this test again, or what the build's own `make lint` has just done, is only resolved.
RESOLVED = {"make lint": "make --dry-run lint", "make test": "make --dry-run test"}
AZ = """#!/bin/sh
case "$*" in
  "account show --query id --output tsv") echo {subscription} ;;
  "ml workspace show --name {name} --resource-group {group} --query mlflow_tracking_uri --output tsv")
    echo "{tracking}" ;;
  "account get-access-token --resource-type oss-rdbms --query accessToken --output tsv") echo {token} ;;
  "keyvault secret show --vault-name homologate --name homologate-signing --query value --output tsv") cat {key} ;;
  "account get-access-token "*)
    echo '{{"accessToken": "{token}", "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4070908800}}' ;;
  *) echo "az: '$*' is not known here" >&2; exit 2 ;;
esac
"""


@dataclass
class World:
    """A project on Azure DevOps, its workspace, its endpoint's cloud, its ledger and its people."""

    home: Path
    agent: Agent
    cloud: Cloud
    ledger: str
    clicks: list[str] = field(default_factory=list)
    runs: int = 0

    def run(self, name: str, *, upstream: Path | None = None, after: Outcome | None = None, **more: str) -> Outcome:
        """Run a pipeline; its artifacts lie under `artifacts-<name>-<number>`."""
        if after is None:
            self.runs += 1
        variables = {"AZURE_RESOURCE_GROUP": GROUP, "AZUREML_WORKSPACE_NAME": NAME, "SETTLE": "0"}
        pipeline = expanded(ROOT / ".azure-pipelines" / f"{name}.yml", **more)
        return self.agent.run(pipeline, {**variables, "Build.Reason": "IndividualCI"}, self.artifacts(name),
                              upstream=upstream, after=after)  # fmt: skip

    def artifacts(self, name: str) -> Path:
        """Where the last run of a pipeline publishes."""
        return self.home / f"artifacts-{name}-{self.runs}"

    def typed(self, person: str, *words: str) -> dict[str, Any]:
        """What a command answers a person at their own machine, logged in to Azure and to the ledger."""
        folder = self.home / "desk"
        if not folder.exists():
            subprocess.run(["git", "clone", "--quiet", str(self.agent.repository), str(folder)], check=True)
        shell = f'. .azure-pipelines/workspace.sh; export PGUSER={person}; exec "$@"'
        environment = {
            **self.agent.environment, **self.agent.logged_in, "AZUREML_WORKSPACE_NAME": NAME, "VAULT": "homologate",
            "AZURE_RESOURCE_GROUP": GROUP, "PYTHONPATH": f"{folder}/src:{folder}",
        }  # fmt: skip
        done = subprocess.run(
            ["bash", "-c", shell, "-", sys.executable, "-m", "homologate", *words, "--json"],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def approve(self, name: str, *people: str) -> None:
        """Let people approve the request a pipeline published."""
        run = self.artifacts("release")
        request = json.loads((run / name / "request.json").read_text())["request"]["id"]
        for person in people:
            self.typed(person, "approve", str(request), "--comment", "read it")

    def stands(self) -> dict[str, str | None]:
        """Version by stage, as the ledger has it."""
        stages = self.typed("ann", "history", MODEL, "--at", "2099-01-01")["stages"]
        return {stage: found and str(found["version"]) for stage, found in stages.items()}


@pytest.fixture(scope="module")
def world(
    azure_ml: Workspace, postgresql_server: str, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    home = tmp_path_factory.mktemp("devops")
    ledger = _ledger(postgresql_server)
    with cloud(home / "cloud") as running:
        running.secret = azure_ml.secret
        authorities = home / "authorities.pem"
        authorities.write_bytes(azure_ml.authority.read_bytes() + running.blobs.authority.read_bytes())
        key = home / "signing.pem"
        _repository(home / "repository", ledger, tiny_encoder, key)
        (home / "bin").mkdir()
        (home / "bin" / "az").write_text(
            AZ.format(
                subscription=SUBSCRIPTION,
                name=NAME,
                group=GROUP,
                token=azure_ml.token(),
                key=key,
                tracking=azure_ml.tracking_uri.replace("/mlflow/v2.0/", "/mlflow/v1.0/"),
            )
        )
        (home / "bin" / "az").chmod(0o700)
        kept = ("PIP_", "UV_", "SSL_", "XDG_", "LANG")
        plain = {name: value for name, value in os.environ.items() if name.startswith(kept)}
        plain |= {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": os.environ["HOME"], "GIT_CONFIG_GLOBAL": "/dev/null"}
        logged_in = {
            **{name: value for name, value in running.environment.items() if name != "PATH"},
            "REQUESTS_CA_BUNDLE": str(authorities),
            "SSL_CERT_FILE": str(authorities),
            "AZUREML_CURRENT_CLOUD": "AzureCloud",
            "PATH": f"{home / 'bin'}:/usr/local/bin:/usr/bin:/bin",
        }
        agent = Agent(home / "repository", home, plain, logged_in, instead=RESOLVED)
        running.judge = _judge(running, home)
        yield World(home, agent, running, ledger)


def _ledger(server: str) -> str:
    """A ledger whose database knows the pipeline's identity and two people."""
    from sqlalchemy import create_engine, text

    from registry_promotion.ledger import Ledger
    from registry_promotion.outbox import Outbox

    name = f"t{uuid.uuid4().hex}"
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        known = set(connection.execute(text("SELECT rolname FROM pg_roles")).scalars())
        for person in PEOPLE:
            if person not in known:
                connection.execute(text(f'CREATE ROLE "{person}" LOGIN'))
    engine.dispose()
    Ledger(f"{server}/{name}").close()
    Outbox(f"{server}/{name}")
    owner = create_engine(f"{server}/{name}", isolation_level="AUTOCOMMIT")
    with owner.connect() as connection:
        for person in PEOPLE:
            connection.execute(
                text(f'GRANT SELECT, INSERT, UPDATE ON homologate_ledger, homologate_told TO "{person}"')
            )
    owner.dispose()
    return f"{server}/{name}".replace("postgres@", "")


def _repository(folder: Path, ledger: str, encoder: Path, key: Path) -> None:
    """The working tree as a commit, with the settings of a small project and the public half of its key."""
    from homologate.attest import make_signing_key
    from homologate.attest.keys import trust

    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(lambda name: (ROOT / name).is_file(), filter(None, files)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
        (folder / name).chmod((ROOT / name).stat().st_mode)
    made = make_signing_key(folder.parent / "key")
    key.write_bytes((folder.parent / "key" / "keys" / "signing.pem").read_bytes())
    trust(made.public, folder / ".azure-pipelines" / "trusted-keys")
    policies = folder / "policies"
    policies.mkdir()
    for stage, needed in (("Staging", 1), ("Production", 2)):
        told = POLICY.format(lower=stage.lower(), stage=stage, approvals=needed, says="Of the tests.")
        (policies / f"{stage.lower()}.yaml").write_text(told)
    settings = {
        "model": MODEL,
        "data": {"synthetic": {"rows": 300}},
        "training": {"encoder": str(encoder), "max_tokens": 48, "epochs": 1, "threads": 1},
        "explanation": {"faithfulness_texts": 6, "surrogate_words": 20},
        "promotion": {"policies": "policies", "ledger": ledger},
        "collection": {"store": str(folder.parent / "predictions")},
        "monitoring": {"evidently": False},
    }
    (folder / "homologate.yaml").write_text(yaml.safe_dump(settings))
    commit(folder, "Begin")


def commit(folder: Path, title: str) -> None:
    """Commit everything there."""
    who = ["-c", "user.name=dev", "-c", "user.email=dev@example.org"]
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "add", "--all"], check=True)
    subprocess.run(["git", *who, "-C", str(folder), "commit", "--quiet", "--message", title], check=True)


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


@pytest.fixture(scope="module")
def built(world: World) -> tuple[Outcome, Path]:
    """The first build and where it published."""
    return world.run("build"), world.artifacts("build")


def said(outcome: Outcome) -> str:
    return "\n".join(f"== {one.stage}/{one.job}: {one.title} → {one.code}\n{one.said}" for one in outcome.ran)


@pytest.mark.slow
def test_a_build_makes_a_registered_version_with_evidence_on_machines_that_knew_nothing(
    built: tuple[Outcome, Path],
) -> None:
    outcome, artifacts = built
    assert outcome.stages == {"Verify": "Succeeded", "Train": "Succeeded"}, said(outcome)
    assert (artifacts / "version" / "version.txt").read_text() == "1\n"
    assert [one.title for one in outcome.ran if one.stage == "Train"] == [
        "Set up", "Train, judge, register", "Say what was made"
    ]  # fmt: skip


@pytest.mark.slow
def test_a_build_of_a_pull_request_trains_nothing(world: World) -> None:
    pipeline = expanded(ROOT / ".azure-pipelines" / "build.yml")
    outcome = world.agent.run(pipeline, {"Build.Reason": "PullRequest"}, world.home / "artifacts-pr")
    assert outcome.stages == {"Verify": "Succeeded", "Train": "Skipped"}, said(outcome)


@pytest.fixture(scope="module")
def stopped(world: World, built: tuple[Outcome, Path]) -> Outcome:
    """The first version's release: signed off for Staging, in the shadow, then clicked on though nobody signed off."""

    def click(what: str) -> bool:
        world.clicks.append(what)
        if what == "homologate-staging":
            world.approve("staging", "ann")
        return True

    world.agent.click = click
    return world.run("release", upstream=built[1])


@pytest.mark.slow
def test_a_click_without_a_decision_in_the_ledger_moves_and_deploys_nothing(world: World, stopped: Outcome) -> None:
    assert stopped.stages == {
        "Staging": "Succeeded", "Shadow": "Succeeded", "Decide": "Succeeded", "Production": "Failed"
    }, said(stopped)  # fmt: skip
    refused = stopped.of("Promote to Production, if the ledger has its sign-offs")
    assert (refused.code, "2 more approvals needed" in refused.said) == (7, True), refused.said
    assert stopped.of("Go back").code == 0, stopped.of("Go back").said
    assert "nothing to take back" in stopped.of("Go back").said
    assert "Deploy, probed and by shares" not in [one.title for one in stopped.ran]
    assert world.stands() == {"Staging": "1", "Production": None}
    assert world.cloud.traffic(ENDPOINT) == {}


@pytest.fixture(scope="module")
def released(world: World, built: tuple[Outcome, Path], stopped: Outcome) -> Outcome:
    """The same release, its last stage run again after two people signed off in the gate."""
    world.approve("production", "ann", "bob")
    return world.run("release", upstream=built[1], after=stopped)


@pytest.mark.slow
def test_the_same_click_moves_and_deploys_once_two_people_signed_off(world: World, released: Outcome) -> None:
    assert set(released.stages.values()) == {"Succeeded"}, said(released)
    assert world.clicks == [
        "homologate-staging", "Sign off in the gate, then resume", "homologate-production", "homologate-production"
    ]  # fmt: skip
    assert world.stands()["Production"] == "1"
    assert world.cloud.traffic(ENDPOINT) == {"blue": 100}
    assert "these bytes alone answer" in released.of("Smoke test").said
    made = [path for path in world.cloud.writes() if path.startswith("PUT") and "/deployments/" in path]
    assert len(made) == 1, "what answered in the shadow is what was given the traffic"


@pytest.mark.slow
def test_a_release_whose_smoke_test_fails_takes_registry_and_endpoint_back_together(
    world: World, released: Outcome
) -> None:
    repository = world.agent.repository
    settings = yaml.safe_load((repository / "homologate.yaml").read_text())
    settings["training"]["seed"] = 7
    (repository / "homologate.yaml").write_text(yaml.safe_dump(settings))
    commit(repository, "Try another seed")
    build = world.run("build")
    assert build.stages["Train"] == "Succeeded", said(build)
    upstream, honest = world.artifacts("build"), world.cloud.judge

    def wrong_at_the_front_door(deployment: str, body: dict[str, Any]) -> tuple[int, Any]:
        status, told = honest(deployment, body)
        return (status, told) if deployment else (200, {"predictions": [{"label": "compliant", "probability": 0.5}]})

    world.runs += 1
    asked = world.typed("homologate-release", "request", MODEL, "2", "--to", "Production", "--reason", "other seed")
    (world.artifacts("release") / "production").mkdir(parents=True)
    (world.artifacts("release") / "production" / "request.json").write_text(json.dumps(asked))
    world.approve("production", "ann", "bob")
    world.cloud.judge = wrong_at_the_front_door
    begun = Outcome(dict.fromkeys(("Staging", "Shadow", "Decide"), "Succeeded"))
    outcome = world.run("release", upstream=upstream, after=begun)
    world.cloud.judge = honest
    assert outcome.stages["Production"] == "Failed", said(outcome)
    assert outcome.of("Promote to Production, if the ledger has its sign-offs").code == 0
    assert "the endpoint answered the golden probe with" in outcome.of("Smoke test").said
    assert outcome.of("Go back").code == 0, outcome.of("Go back").said
    assert world.stands()["Production"] == "1"
    assert world.cloud.traffic(ENDPOINT) == {"blue": 100}


@pytest.mark.slow
def test_a_night_with_drift_starts_a_retraining_that_says_what_it_lacks(world: World, released: Outcome) -> None:
    _predict(world)
    outcome = world.run("retrain")
    watched = outcome.of("Monitor")
    assert (watched.code, outcome.outputs) == (0, {"Watch.monitor.look.cause": "drift"}), watched.said
    assert outcome.stages == {"Watch": "Succeeded", "Learn": "Failed"}, said(outcome)
    assert "reviewed corrections and labels are too few to learn from" in outcome.of("Retrain").said
    assert world.stands()["Production"] == "1"


def test_a_night_without_drift_trains_nothing() -> None:
    learn = expanded(ROOT / ".azure-pipelines" / "retrain.yml")["stages"][1]["condition"]
    for cause, result, starts in (
        ("drift", "Succeeded", True),
        ("", "Succeeded", False),
        ("drift", "Failed", False),
    ):
        assert holds(learn, {}, {"Watch": result}, {"Watch.monitor.look.cause": cause}) is starts


def _predict(world: World) -> None:
    """Predictions of yesterday on texts the version in Production never saw, where its collector keeps them."""
    standing = world.typed("ann", "history", MODEL, "--at", "2099-01-01")["stages"]["Production"]
    made = next(world.home.glob(f"machine-*/s/.homologate/models/{standing['digest'].removeprefix('sha256:')}"))
    scorer = Scorer(made)
    judge = Judge(MODEL, standing["version"], standing["digest"], scorer.labels, "server")
    begun = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    lines: dict[str, str] = {}
    texts = [f"Zeppelin gondola {number} of the {number % 7}th airship leaks helium" for number in range(220)]
    for row, (text, answer) in enumerate(zip(texts, scorer.answers(texts), strict=True)):
        record = Record.of(f"p{row}", judge, begun.timestamp() + row * 60, text, answer, component="airship")
        for folder, line in pairs(record, Privacy("full")):
            lines[f"{folder}/s.jsonl"] = lines.get(f"{folder}/s.jsonl", "") + line + "\n"
    store = FolderStore(world.home / "predictions")
    for name, content in lines.items():
        assert store.put(name, content.encode())
