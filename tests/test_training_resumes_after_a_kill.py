"""A training that was killed continues where it was, and ends exactly where it would have ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from homologate.classifier import load_classifier, train
from homologate.settings import CostSettings, LabelSettings, TrainingSettings

# Trains slowly enough to be met in the middle: every step after the second validation waits.
PROGRAM = """
import json, sys, time
import pandas as pd
from homologate.classifier import _callbacks, train
from homologate.settings import CostSettings, LabelSettings, TrainingSettings

class Run:
    def params(self, values): pass
    def metrics(self, values, step=0):
        if "valid_loss" in values:
            print(step, flush=True)
            if step >= int(sys.argv[4]):
                time.sleep(60)
    def figure(self, figure, path): pass
    def folder(self, local, path): pass
    def json(self, facts, path): pass

settings = TrainingSettings(**json.loads(sys.argv[2]))
try:
    train(pd.read_json(sys.argv[1]), settings, LabelSettings(), CostSettings(), sys.argv[3], Run())
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


def started(rows: pd.DataFrame, settings: TrainingSettings, workdir: Path, stop_at: int) -> subprocess.Popen[str]:
    """A training in a process of its own that reached `stop_at` steps and saved the validation before."""
    file = workdir.parent / "rows.json"
    rows.to_json(file)
    command = [sys.executable, "-c", PROGRAM, str(file), settings.model_dump_json(), str(workdir), str(stop_at)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) >= stop_at:
            return process
    raise AssertionError("the training ended before it could be met in the middle")


@pytest.fixture
def settings(tiny_training: TrainingSettings) -> TrainingSettings:
    return tiny_training.model_copy(update={"early_stopping_patience": 9})


def test_a_killed_training_continues_and_ends_with_the_weights_of_one_that_was_not(
    rows: pd.DataFrame,
    settings: TrainingSettings,
    tmp_path: Path,
    recording: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    process = started(rows, settings, tmp_path / "killed", stop_at=21)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert (tmp_path / "killed" / "checkpoint.pt").exists()
    assert not (tmp_path / "killed" / "classifier").exists()

    resumed = train(rows, settings, LabelSettings(), CostSettings(), tmp_path / "killed", recording)
    assert resumed.resumed_from == 14  # the kill came while the validation at 21 was being reported
    assert "continues from step 14" in capsys.readouterr().err
    assert [step for step, _ in recording.curves["valid_loss"]] == [0, 7, 14, 21, 28, 35, 42]
    assert not (tmp_path / "killed" / "checkpoint.pt").exists()

    whole = train(rows, settings, LabelSettings(), CostSettings(), tmp_path / "whole", type(recording)())
    assert whole.resumed_from is None
    assert whole.threshold == resumed.threshold
    one, other = (load_classifier(facts.directory).network.state_dict() for facts in (whole, resumed))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_ctrl_c_in_the_middle_leaves_no_classifier_and_can_be_continued(
    rows: pd.DataFrame, settings: TrainingSettings, tmp_path: Path
) -> None:
    process = started(rows, settings, tmp_path / "work", stop_at=21)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert rest.strip() == "interrupted"
    assert sorted(os.listdir(tmp_path / "work")) == ["checkpoint.pt"]


def test_a_checkpoint_of_other_settings_other_rows_or_broken_bytes_is_not_continued_from(
    rows: pd.DataFrame, settings: TrainingSettings, tmp_path: Path, recording: Any
) -> None:
    from homologate.classifier._checkpoint import Checkpoint, Progress

    short = settings.model_copy(update={"epochs": 1})
    empty = torch.empty(0)
    foreign = Progress(5, {}, {}, torch.get_rng_state(), 5, {}, empty, 0, [])
    Checkpoint(tmp_path / "checkpoint.pt", "another key").save(foreign)
    assert train(rows, short, LabelSettings(), CostSettings(), tmp_path, recording).resumed_from is None

    (tmp_path / "checkpoint.pt").write_bytes(b"not a checkpoint")
    again = train(rows, short, LabelSettings(), CostSettings(), tmp_path, type(recording)())
    assert again.resumed_from is None
    assert json.dumps(again.as_json()["history"])


def test_a_checkpoint_that_would_run_code_is_not_read(tmp_path: Path) -> None:
    from homologate.classifier._checkpoint import Checkpoint

    class Evil:
        def __reduce__(self) -> Any:
            return (os.mkdir, (str(tmp_path / "ran"),))

    torch.save({"schema": 1, "key": "key", "progress": Evil()}, tmp_path / "checkpoint.pt")
    assert Checkpoint(tmp_path / "checkpoint.pt", "key").load() is None
    assert not (tmp_path / "ran").exists()
