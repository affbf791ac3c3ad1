"""The same entry points log the same things on SQLite, PostgreSQL and an Azure ML workspace, by setting one address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback.workspace import Workspace

from homologate.errors import StorageError
from homologate.local import Services, program
from homologate.tracking import Place, Tracker

STEPS = ("prepare", "train", "export", "evaluate", "explain", "register")
THROTTLED = 20
"""Every so many requests the workspace says: too many."""


@dataclass
class Backend:
    """One place of runs and the environment that reaches it."""

    name: str
    place: Place
    environment: dict[str, str]


@pytest.fixture(scope="module")
def backends(
    azure_ml: Workspace, postgresql_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Backend]]:
    from sqlalchemy import create_engine, text

    home = tmp_path_factory.mktemp("backends")
    database = f"t{uuid.uuid4().hex}"
    engine = create_engine(f"{postgresql_server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {database}"))
    engine.dispose()
    services = Services(home / "postgresql")

    def command(port: int) -> list[str]:
        store = ["--backend-store-uri", f"{postgresql_server}/{database}", "--artifacts-destination", f"{home}/blobs"]
        return [program("mlflow"), "server", *store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]

    sqlite = f"sqlite:///{home}/runs.db"
    server = services.start("mlflow", command, about="tests", port=5700, ready="/health", say=print).url
    azure_ml.throttle_every = THROTTLED
    reached = azure_ml.environment(home / "bin")
    reached["PATH"] = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    yield [
        Backend("sqlite", Place(sqlite, "database"), {"MLFLOW_TRACKING_URI": sqlite}),
        Backend("postgresql", Place(server, "server"), {"MLFLOW_TRACKING_URI": server}),
        Backend("azureml", Place(azure_ml.tracking_uri, "azureml"), reached),
    ]
    azure_ml.throttle_every = 0
    services.stop()


@pytest.fixture(scope="module")
def logged(
    backends: list[Backend], tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    """What each backend holds after the same lifecycle, by backend."""
    home = tmp_path_factory.mktemp("lifecycles")
    return {backend.name: _lifecycle(backend, home / backend.name, tiny_encoder) for backend in backends}


def _lifecycle(backend: Backend, folder: Path, encoder: Path) -> dict[str, Any]:
    """Each entry point alone, from `prepare` to `register`; then what the place says of each run."""
    folder.mkdir()
    settings = folder / "homologate.yaml"
    made: dict[str, Any] = {
        "model": "parts",
        "home": str(folder / "home"),
        "data": {"synthetic": {"rows": 300}},
        "training": {"encoder": str(encoder), "max_tokens": 48, "epochs": 1, "threads": 1},
        "explanation": {"faithfulness_texts": 6, "surrogate_words": 20},
    }
    settings.write_text(yaml.safe_dump(made))
    environment = {**os.environ, **backend.environment}
    words = [sys.executable, "-c", _LIFECYCLE, str(settings)]
    done = subprocess.run(words, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{backend.name}: {done.stderr}"
    facts: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return facts


_LIFECYCLE = """
import contextlib, io, json, sys
import mlflow
from homologate.cli import main

def step(name, **runs):
    words = [word for run, run_id in runs.items() for word in (f"--{run}-run", run_id)]
    with contextlib.redirect_stdout(io.StringIO()) as told:
        code = main([name, *words, "--settings", sys.argv[1], "--json"])
    if code:
        sys.exit(code)
    return json.loads(told.getvalue())["run_id"]

def files(root, folder):
    for entry in mlflow.artifacts.list_artifacts(artifact_uri=f"{root}/{folder}" if folder else root):
        yield from files(root, entry.path) if entry.is_dir else [entry.path]

runs = {"prepare": step("prepare")}
runs["train"] = step("train", data=runs["prepare"])
runs["export"] = step("export", train=runs["train"])
runs["evaluate"], runs["explain"] = step("evaluate", export=runs["export"]), step("explain", export=runs["export"])
runs["register"] = step("register", **{name: runs[name] for name in ("export", "evaluate", "explain")})

client, told = mlflow.MlflowClient(), {}
for name, run_id in runs.items():
    run = client.get_run(run_id)
    told[name] = {
        "status": run.info.status,
        "params": {param: value for param, value in run.data.params.items() if not param.endswith("_run")},
        "metrics": sorted(run.data.metrics),
        "curve": len(client.get_metric_history(run_id, next(iter(sorted(run.data.metrics)), "none"))),
        "tags": sorted(tag for tag in run.data.tags if tag.startswith("homologate.")),
        "inputs": sorted(tag.value for one in run.inputs.dataset_inputs for tag in one.tags),
        "artifacts": sorted(files(run.info.artifact_uri, "")),
    }
[version] = client.search_model_versions("name = 'parts'")
about = {"tags": sorted(version.tags), "status": version.status, "same_run": version.run_id}
print(json.dumps({"runs": runs, "logged": told, "version": about}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("other", ["postgresql", "azureml"])
def test_every_step_logs_the_same_as_on_sqlite(logged: dict[str, dict[str, Any]], other: str) -> None:
    for step in STEPS:
        for what, here in logged["sqlite"]["logged"][step].items():
            assert logged[other]["logged"][step][what] == here, f"{step}: {what}"


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["sqlite", "postgresql", "azureml"])
def test_the_version_carries_the_same_tags_and_the_run_of_its_export(
    logged: dict[str, dict[str, Any]], backend: str
) -> None:
    about = logged[backend]["version"]
    assert about["status"] == "READY"
    assert about["same_run"] == logged[backend]["runs"]["export"]
    assert about["tags"] == logged["sqlite"]["version"]["tags"]
    assert "homologate.digest" in about["tags"]


@pytest.mark.slow
def test_throttling_delays_and_loses_nothing(logged: dict[str, dict[str, Any]], azure_ml: Workspace) -> None:
    assert azure_ml.asked["429"] > 3
    assert {step["status"] for step in logged["azureml"]["logged"].values()} == {"FINISHED"}


@pytest.mark.slow
def test_a_file_that_azure_did_not_deliver_is_named_and_nothing_half_is_kept(
    logged: dict[str, dict[str, Any]],
    azure_ml: Workspace,
    logged_in: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in logged_in.items():
        monkeypatch.setenv(name, value)
    tracker = Tracker(Place(azure_ml.tracking_uri, "azureml"), experiment="components", home=tmp_path / "home")
    export = logged["azureml"]["runs"]["export"]
    azure_ml.unaddressed = "model/tokenizer.json"
    try:
        with pytest.raises(StorageError, match=r"artifact 'model/tokenizer.json' of run \w+ did not arrive"):
            tracker.fetch(export, "model")
    finally:
        azure_ml.unaddressed = ""
    assert not (tmp_path / "home" / "cache" / export).exists()
    assert (tracker.fetch(export, "model") / "tokenizer.json").stat().st_size > 0


@pytest.mark.slow
def test_an_artifact_written_twice_is_refused_as_azure_does_and_told(
    logged: dict[str, dict[str, Any]],
    azure_ml: Workspace,
    logged_in: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in logged_in.items():
        monkeypatch.setenv(name, value)
    tracker = Tracker(Place(azure_ml.tracking_uri, "azureml"), experiment="components", home=tmp_path / "home")
    with tracker.step("once") as run:
        run.json({"a": 1}, "facts.json")
    with pytest.raises(StorageError, match=r"cannot write artifact 'facts.json'"):
        run.json({"a": 2}, "facts.json")
    assert json.loads(tracker.fetch(run.id, "facts.json").read_text()) == {"a": 1}
