"""A search for settings: one parent and a child a trial, cut off where behind, and the same search after a kill."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from homologate.classifier import tune
from homologate.cli import main as homologate
from homologate.settings import CostSettings, LabelSettings, TrainingSettings
from homologate.tracking import Place, Tracker

EXPERIMENT = "search"
MODEL = "searched-parts"


@pytest.fixture(scope="module")
def settings_file(rows: pd.DataFrame, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    rows.drop(columns="split").to_csv(folder / "parts.csv", index=False)
    settings = {
        "model": MODEL,
        "experiment": EXPERIMENT,
        "home": str(folder / "home"),
        "data": {
            "source": str(folder / "parts.csv"),
            "columns": {"date": None, "component": None, "manufacturer": None},
            "split": {"near_duplicate_cosine": 1.0},
        },
        "training": {"encoder": str(tiny_encoder), "max_tokens": 48, "threads": 1},
    }
    file = folder / "homologate.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def tracker(mlflow_server: str, settings_file: Path) -> Tracker:
    return Tracker(Place(mlflow_server, "server"), experiment=EXPERIMENT, home=settings_file.parent / "home")


@pytest.fixture
def call(
    mlflow_server: str, settings_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Any:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)

    def run(*words: str) -> dict[str, Any]:
        capsys.readouterr()
        assert homologate([*words, "--settings", str(settings_file), "--json"]) == 0
        facts: dict[str, Any] = json.loads(capsys.readouterr().out)
        return facts

    return run


@pytest.fixture
def data_run(call: Any) -> str:
    return str(call("prepare")["run_id"])


def children(tracker: Tracker, parent: str) -> list[Any]:
    experiment = tracker.client.get_run(parent).info.experiment_id
    found = tracker.client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent}'")
    return sorted(found, key=lambda run: run.info.start_time)


def test_one_parent_holds_a_child_a_trial_with_its_settings_and_curves_and_no_weights(
    call: Any, data_run: str, tracker: Tracker
) -> None:
    facts = call("tune", "--data-run", data_run, "--trials", "3", "--batch-size", "16")
    parent = tracker.run(facts["run_id"], step="tune")
    made = children(tracker, facts["run_id"])
    assert [run.info.run_name for run in made] == ["trial-1", "trial-2", "trial-3"]
    assert {run.info.status for run in made} == {"FINISHED"}
    assert [run.info.run_id for run in made] == [trial["run_id"] for trial in facts["trials"]]
    for run, trial in zip(made, facts["trials"], strict=True):
        assert set(trial["values"]) == {"learning_rate", "head_learning_rate", "weight_decay"}, (
            "the batch size is given"
        )
        assert run.data.params["batch_size"] == "16"
        assert {name: float(run.data.params[name]) for name in trial["values"]} == trial["values"]
        assert run.data.metrics["best_valid_average_precision"] == trial["average_precision"]
        assert [file.path for file in tracker.client.list_artifacts(run.info.run_id)] in ([], ["training"])
    best = max(facts["trials"], key=lambda trial: trial["average_precision"])
    assert facts["best"] == best
    assert parent.data.metrics["best.learning_rate"] == best["values"]["learning_rate"]
    assert len({trial["values"]["learning_rate"] for trial in facts["trials"]}) == 3


def test_it_ends_with_a_command_that_trains_with_the_best_settings(call: Any, data_run: str, tracker: Tracker) -> None:
    facts = call("tune", "--data-run", data_run, "--trials", "2", "--preset", "quick", "--epochs", "2")
    words = facts["next"].split()
    assert words[:4] == ["homologate", "train", "--data-run", data_run]
    trained = tracker.run(call(*words[1:])["run_id"], step="train").data
    assert {name: float(trained.params[name]) for name in facts["best"]["values"]} == facts["best"]["values"]
    assert trained.params["epochs"] == "2"
    assert trained.params["encoder_layers"] == "3", "the preset is named again"


def test_more_trials_go_on_from_those_there_are(call: Any, data_run: str, tracker: Tracker) -> None:
    words = ("tune", "--data-run", data_run, "--epochs", "1", "--weight-decay", "0.01")
    first = call(*words, "--trials", "2")
    more = call(*words, "--trials", "3")
    assert more["made_before"] == 2
    assert more["trials"][:2] == first["trials"]
    assert len(children(tracker, more["run_id"])) == 1
    again = call(*words, "--trials", "3")
    assert children(tracker, again["run_id"]) == []
    assert again["best"] == more["best"]


def test_a_killed_search_ends_with_the_trials_of_one_that_was_not(
    call: Any, data_run: str, tracker: Tracker, settings_file: Path, mlflow_server: str
) -> None:
    words = ("tune", "--data-run", data_run, "--trials", "3", "--epochs", "4", "--learning-rate", "0.001")
    command = [sys.executable, "-m", "homologate", *words, "--settings", str(settings_file)]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": mlflow_server}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("trial 1/3"):
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    resumed = call(*words)
    assert resumed["made_before"] in {1, 2}

    study = settings_file.parent / "home" / "work"
    for kept in study.glob("tune-*"):
        shutil.rmtree(kept)
    undisturbed = call(*words)
    assert undisturbed["made_before"] == 0
    for one, other in zip(resumed["trials"], undisturbed["trials"], strict=True):
        assert {**one, "run_id": ""} == {**other, "run_id": ""}
    statuses = [run.info.status for run in tracker.client.search_runs([tracker.run(data_run).info.experiment_id])]
    assert "RUNNING" not in statuses


def test_a_trial_is_cut_off_only_where_it_is_behind_the_median_of_earlier_ones(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tmp_path: Path, recording: Any
) -> None:
    kept: list[list[float]] = []

    @contextmanager
    def opened(number: int, _: TrainingSettings) -> Iterator[Any]:
        run = type(recording)()
        run.id = str(number)
        yield run
        kept.append([value for _, value in run.curves["valid_average_precision"]])

    facts = tune(
        rows,
        tiny_training.model_copy(update={"epochs": 2}),
        LabelSettings(),
        CostSettings(),
        tmp_path,
        trials=10,
        fixed=frozenset({"weight_decay", "head_learning_rate"}),
        opened=opened,
    )
    cut_off = [trial for trial in facts.trials if trial.pruned]
    assert cut_off
    assert not facts.best.pruned
    for trial in cut_off:
        mine = kept[trial.number - 1]
        finished = [kept[t.number - 1] for t in facts.trials[: trial.number - 1] if not t.pruned]
        assert 1 < len(mine) < 5
        assert max(mine) < np.median([max(earlier[: len(mine)]) for earlier in finished])


def test_nothing_left_to_vary_and_no_trials_are_refused(
    data_run: str, settings_file: Path, mlflow_server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["tune", "--data-run", data_run, "--settings", str(settings_file)]
    given = ["--learning-rate", "1e-4", "--head-learning-rate", "1e-3", "--weight-decay", "0", "--batch-size", "8"]
    assert homologate([*words, *given]) == 2
    assert "every setting that may be varied is given" in capsys.readouterr().err
    assert homologate([*words, "--trials", "0"]) == 2
    assert "0 trials cannot be made" in capsys.readouterr().err
