"""The whole loop, by the commands people type: served, drifted, detected, trained, asked, decided, and back again.

The encoder is tiny and real; server, gate, accounts, spool, store and scorer are the real things.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from waiting import until

from homologate.cli import main
from homologate.local import program

from .test_the_lifecycle_runs_end_to_end import PARTS, ROOT, Project, write_project

MODEL = "lifecycle-parts"
POLICY = """
schema: 1
name: loop-{lower}
stage: {stage}
says: What the test of the loop demands.
rules:
  - id: answers-anything
    topic: behaviour
    reads: evaluation.behaviour.tests.awkward.failures
    compare: at_most
    limit: 0
    unit: count
    says: Every awkward input gets a finite probability.
    fix: mend the scorer
sign_off: {{approvals: 1, valid_days: 30}}
"""

Say = Callable[..., dict[str, Any]]


def moved_world(count: int) -> list[tuple[str, str]]:
    """Three of four texts in words that no training row used, the fourth as ever; with the truth about each."""
    chance, found = random.Random(8), []
    for at in range(count):
        bad = at % 8 < 4
        lot, part = chance.randint(1, 999), chance.choice(PARTS)
        value = chance.randint(60, 99) if bad else chance.randint(100, 140)
        if at % 4 == 3:
            told = "cracked below" if bad else "held above"
            text = f"The {part} from lot {lot} {told} the limit at {value} units."
        else:
            told = "fractured beneath" if bad else "withstood beyond"
            text = f"Batch {lot}: {part} {told} its rated mark, {value} units."
        found.append((text, "reject" if bad else "pass"))
    return found


@pytest.fixture(scope="module")
def project(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project with a gated server of its own."""
    made = write_project(tmp_path_factory.mktemp("loop"), "", tiny_encoder, epochs=12, learning_rate=2e-3)
    for stage in ("Staging", "Production"):
        (made.folder / "policies").mkdir(exist_ok=True)
        policy = POLICY.format(stage=stage, lower=stage.lower())
        (made.folder / "policies" / f"{stage.lower()}.yaml").write_text(policy)
    settings = yaml.safe_load(made.settings_file.read_text())
    settings["promotion"]["policies"] = str(made.folder / "policies")
    settings["collection"] = {"privacy": "full"}
    settings["retraining"] = {"least_corrections": 40}
    settings["monitoring"] = {"evidently": False, "look_back": 2}
    made.settings_file.write_text(yaml.safe_dump(settings))
    answer = made.homologate("up", "--server-only", "--json")
    assert answer.returncode == 0, answer.stderr
    yield made._replace(server=json.loads(answer.stdout)["tracking_uri"])
    made.homologate("down")


@pytest.fixture
def people(project: Project) -> dict[str, dict[str, str]]:
    found = {}
    for name, may in (("ann", "edit"), ("bob", "read")):
        answer = project.homologate("people", "add", name, "--may", may, "--json")
        assert answer.returncode == 0, answer.stderr
        login = {"MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": json.loads(answer.stdout)["password"]}
        found[name] = login
    return found


@pytest.fixture
def say(
    project: Project,
    people: dict[str, dict[str, str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Say:
    """A command as a person types it; its facts, or its error."""
    monkeypatch.setenv("HOMOLOGATE_SETTINGS", str(project.settings_file))

    def run(who: str, *words: str, code: int = 0) -> dict[str, Any]:
        for variable, value in people[who].items():
            monkeypatch.setenv(variable, value)
        capsys.readouterr()
        found = main([*words, "--json"])
        told = capsys.readouterr()
        assert found == code, told.err
        facts: dict[str, Any] = json.loads(told.out)
        return facts

    return run


@pytest.fixture
def server(project: Project, people: dict[str, dict[str, str]], say: Say) -> Iterator[str]:
    """Version 1 in Production, served."""
    assert say("ann", "main")["version"] == "1"
    request = say("ann", "request", MODEL, "1", "--to", "Production", "--reason", "the first")["request"]["id"]
    say("bob", "approve", request, "--comment", "read it all")
    say("ann", "promote", request)
    log = (project.folder / "serve.log").open("wb")
    process = subprocess.Popen(
        [program("homologate"), "serve", "--port", "0", "--poll", "0.5", "--settings", str(project.settings_file)],
        stderr=log,
        env={**os.environ, **people["ann"], "MLFLOW_TRACKING_URI": project.server},
    )

    def ready() -> str:
        lines = [json.loads(line) for line in Path(log.name).read_text().splitlines() if line.startswith("{")]
        return next((line["url"] for line in lines if line["event"] == "ready"), "")

    until(lambda: ready() or process.poll() is not None, 60, "server that is ready")
    assert process.poll() is None, Path(log.name).read_text()
    yield ready()
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    log.close()


def mlflow_run(project: Project, login: dict[str, str], entry_point: str, **parameters: str) -> tuple[int, str]:
    """`mlflow run . -e ENTRY_POINT -P NAME=VALUE …` as a person; its exit code, and what it printed."""
    words = [program("mlflow"), "run", str(ROOT), "-e", entry_point, "--env-manager", "local"]
    words += [word for name, value in parameters.items() for word in ("-P", f"{name}={value}")]
    environment = {**os.environ, **login, "MLFLOW_TRACKING_URI": project.server}
    environment["HOMOLOGATE_SETTINGS"] = str(project.settings_file)
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=600)
    return done.returncode, done.stdout + done.stderr


def serving(server: str) -> str:
    """The version that answers."""
    return str(requests.get(f"{server}/health", timeout=10).json()["model"]["version"])


@pytest.mark.slow
def test_the_loop_closes_and_people_decide(
    project: Project, people: dict[str, dict[str, str]], say: Say, server: str
) -> None:
    # The world moves: other words, and the version in Production cannot tell.
    rows = moved_world(120)
    answers = [requests.post(f"{server}/v1/score", json={"text": text}, timeout=30).json() for text, _ in rows]
    wrong = sum(answer["label"] != truth for answer, (_, truth) in zip(answers, rows, strict=True))
    assert wrong > 20

    # Detected: the window drifted, by these words; the operator's page says so and what to do.
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()
    window = say("ann", "monitor", "--now", tomorrow, code=9)["windows"][-1]
    assert window["outcome"] == "drift"
    assert {"fractured", "withstood"} <= set(window["cause"]["words"])
    page = str(project.folder / "dashboard.html")
    alerts = {one["command"] for one in say("ann", "dashboard", "--out", page)["alerts"]}
    assert {"homologate retrain --because drift", "homologate queue"} <= alerts

    # Nothing trains before people have said what is true, and others have looked.
    ranked = say("ann", "queue", "--most", "5")["items"]
    assert all(item["text"].startswith("Batch") and item["novel"] > 0.3 for item in ranked)
    labels = project.folder / "labels.csv"
    lines = [f"{answer['prediction_id']},{truth}" for answer, (_, truth) in zip(answers, rows, strict=True)]
    labels.write_text("\n".join(["prediction_id,label", *lines]) + "\n")
    assert say("ann", "feedback", str(labels), "--by", "test-bench")["recorded"] == 120
    refused = say("ann", "retrain", "--because", "drift", code=3)
    assert "0 reviewed corrections and labels are too few" in refused["error"]["message"]
    assert len(say("ann", "feedback", "--accept-all", "--by", "maria")["decided"]) == 120
    real = say("ann", "feedback")
    assert (real["labelled"], real["metrics"]["accuracy"]["verdict"]) == (120, "worse than promised")

    # Trained again on reviewed feedback, by MLflow's own command, and asked; the request says why and what got better.
    code, printed = mlflow_run(project, people["ann"], "retrain", because="drift")
    assert code == 0, printed
    asked = re.search(r"request (\S+) waits for people", printed)
    assert asked, printed
    request = asked[1]
    (run,) = project.tracker.client.search_runs(["0"], f"tags.`homologate.request` = '{request}'")
    assert run.data.tags["homologate.drift.run"] == window["run_id"]
    assert "fractured" in run.data.tags["homologate.drift.words"]
    made = json.loads(project.tracker.fetch(run.info.run_id, "retrain/retrain.json").read_text())
    assert (made["version"], made["champion"], made["cause"]["kind"]) == ("2", "1", "drift")
    material = made["material"]
    learnt = material["train"] + material["held_out"] + material["excluded"].get("suspicious", 0)
    assert learnt == len({text for text, _ in rows}), "a text that came twice is learnt once"
    assert made["comparison"]["drifted texts"]["difference"]["accuracy"]["value"] > 0
    for elsewhere in ("other feedback", "test"):
        difference = made["comparison"][elsewhere]["difference"]["accuracy"]
        assert difference["high"] is None or difference["high"] >= 0
    shown = say("bob", "request", "--show", request)["request"]
    assert shown["state"] == "open"
    assert "what version 1 is asked has drifted since" in shown["reason"]
    assert "(drifted texts), version 2 is better than 1" in shown["reason"]
    assert "(test), version 2 is no worse than 1" in shown["reason"]

    # It promoted nothing, does not start twice for one cause, and waits for people.
    assert serving(server) == "1"
    twice = say("ann", "retrain", "--because", "drift", code=7)
    assert "this cause had its retraining" in twice["error"]["message"]
    other = say("ann", "retrain", "--because", "performance", code=7)
    assert f"request {request} of an earlier retraining waits for people" in other["error"]["message"]

    # A person decides, and the server follows.
    say("bob", "approve", request, "--comment", "better where it was bad")
    say("ann", "promote", request)
    until(lambda: serving(server) == "2", 30, "version 2 in service")

    # The old one is one command away.
    assert say("ann", "rollback", MODEL, "--reason", "a false alarm at the line")["moved"]["version"] == "1"
    until(lambda: serving(server) == "1", 30, "version 1 in service")
