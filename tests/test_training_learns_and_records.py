"""Training learns, says what it did, and leaves one whole classifier directory."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from homologate.classifier import TrainingFacts, load_classifier, train
from homologate.errors import DataError, ModelError, StorageError, UsageError
from homologate.settings import CostSettings, LabelSettings, TrainingSettings

Trained = tuple[TrainingFacts, Any]


def test_fine_tuning_beats_the_probe_it_started_from(trained: Trained) -> None:
    facts, _ = trained
    assert facts.valid["average_precision"] > facts.probe["average_precision"]
    assert facts.history[-1]["loss"] < facts.history[0]["loss"] / 4
    assert facts.best_step > 0


def test_curves_figures_parameters_and_the_directory_reach_the_run(trained: Trained) -> None:
    facts, run = trained
    steps = [step for step, _ in run.curves["train_loss"]]
    assert steps == sorted(steps)
    assert steps[-1] == facts.steps == facts.steps_planned
    losses = [loss for _, loss in run.curves["train_loss"]]
    assert losses[-1] < losses[0]
    rates = [rate for _, rate in run.curves["learning_rate"]]
    assert rates[-1] < max(rates)
    for curve in ("valid_loss", "valid_average_precision", "valid_f1", "valid_roc_auc"):
        assert [step for step, _ in run.curves[curve]] == [int(found["step"]) for found in facts.history]
    assert set(run.figures) == {f"plots/{name}.png" for name in ("precision_recall", "roc", "calibration", "confusion")}
    assert run.folders == {"classifier": facts.directory}
    assert run.given["train_rows"] == 240
    assert run.documents["training/training.json"]["threshold"] == facts.threshold


def test_the_directory_answers_with_calibrated_probabilities_in_the_order_of_the_texts(
    trained: Trained, rows: pd.DataFrame
) -> None:
    classifier = load_classifier(trained[0].directory)
    test = rows[rows["split"] == "test"]
    found = classifier.probabilities(test["text"].tolist())
    bad = (test["label"] == "non-compliant").to_numpy()
    assert found.dtype == np.float32
    assert ((found >= classifier.threshold) == bad).mean() > 0.9
    assert abs(found.mean() - bad.mean()) < 0.1
    again = classifier.probabilities(test["text"].tolist()[::-1], batch_size=3)[::-1]
    np.testing.assert_allclose(found, again, atol=1e-6)


def test_the_directory_holds_safetensors_and_no_pickle_and_no_checkpoint_is_left(trained: Trained) -> None:
    directory = trained[0].directory
    assert {"classifier.json", "config.json", "head.safetensors", "model.safetensors", "tokenizer.json"} <= {
        file.name for file in directory.iterdir()
    }
    assert not [file for file in directory.rglob("*") if file.suffix in {".bin", ".pt", ".pkl"}]
    assert [file.name for file in directory.parent.iterdir()] == ["classifier"]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tmp_path: Path, recording: Any
) -> None:
    short = tiny_training.model_copy(update={"epochs": 1})

    def head(name: str, settings: TrainingSettings) -> torch.Tensor:
        run = type(recording)()
        facts = train(rows, settings, LabelSettings(), CostSettings(), tmp_path / name, run)
        return load_classifier(facts.directory).network.weight.detach()

    first = head("a", short)
    assert torch.equal(first, head("b", short))
    assert not torch.equal(first, head("c", short.model_copy(update={"seed": 21})))


def test_no_epoch_means_the_probe_alone(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tmp_path: Path, recording: Any
) -> None:
    settings = tiny_training.model_copy(update={"epochs": 0})
    facts = train(rows, settings, LabelSettings(), CostSettings(), tmp_path, recording)
    assert (facts.steps, facts.best_step) == (0, 0)
    assert facts.valid["average_precision"] == pytest.approx(facts.probe["average_precision"])


def test_training_stops_when_validations_no_longer_gain_and_keeps_the_best_weights(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tmp_path: Path, recording: Any
) -> None:
    settings = tiny_training.model_copy(update={"epochs": 30, "early_stopping_patience": 1, "learning_rate": 1e-2})
    facts = train(rows, settings, LabelSettings(), CostSettings(), tmp_path, recording)
    assert facts.stopped_early
    assert facts.steps < facts.steps_planned
    best = max(facts.history, key=lambda found: (round(found["average_precision"], 4), -found["loss"]))
    assert facts.best_step == best["step"] < facts.steps
    assert facts.valid["average_precision"] == pytest.approx(best["average_precision"])


def test_a_loss_that_is_no_number_stops_with_the_step_and_the_learning_rate(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tmp_path: Path, recording: Any
) -> None:
    settings = tiny_training.model_copy(update={"learning_rate": 1e30, "warmup_share": 0.0})
    with pytest.raises(UsageError) as error:
        train(rows, settings, LabelSettings(), CostSettings(), tmp_path, recording)
    assert "the training loss became nan at step" in error.value.problem
    assert error.value.place == "training.learning_rate = 1e+30"
    assert error.value.next_command == "homologate train --learning-rate 2e+29"
    assert not (tmp_path / "classifier").exists()


@pytest.mark.parametrize("split", ["train", "valid"])
def test_a_split_of_one_class_is_named(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tmp_path: Path, recording: Any, split: str
) -> None:
    one_class = rows[(rows["split"] != split) | (rows["label"] == "compliant")]
    with pytest.raises(DataError) as error:
        train(one_class, tiny_training, LabelSettings(), CostSettings(), tmp_path, recording)
    assert f"the {split} split has" in error.value.problem
    assert "none of them is 'non-compliant'" in error.value.problem
    assert recording.given == {}


def test_a_missing_column_is_named(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tmp_path: Path, recording: Any
) -> None:
    with pytest.raises(DataError, match="no column 'split'"):
        train(rows.drop(columns="split"), tiny_training, LabelSettings(), CostSettings(), tmp_path, recording)


def test_fewer_training_rows_can_be_asked_for_and_keep_the_shares_of_the_labels(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tmp_path: Path, recording: Any
) -> None:
    settings = tiny_training.model_copy(update={"epochs": 0, "max_train_rows": 60})
    facts = train(rows, settings, LabelSettings(), CostSettings(), tmp_path, recording)
    assert facts.train_rows == 60


def test_a_folder_that_cannot_be_written_is_named(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tmp_path: Path, recording: Any
) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.raises(StorageError) as error:
        train(rows, tiny_training, LabelSettings(), CostSettings(), tmp_path / "taken" / "work", recording)
    assert "taken" in str(error.value.place)


def test_progress_goes_to_stderr_as_lines_where_nobody_watches_a_terminal(
    rows: pd.DataFrame,
    tiny_training: TrainingSettings,
    tmp_path: Path,
    recording: Any,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("homologate.classifier._progress.SECONDS", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    settings = tiny_training.model_copy(update={"epochs": 1})
    train(rows, settings, LabelSettings(), CostSettings(), tmp_path, recording)
    out, err = capfd.readouterr()
    assert out == ""
    assert "train: step 15/15, loss" not in err  # the last step ends a validation, which has its own line
    assert "probe: text 16/320, about" in err
    assert "train: step 14: valid loss" in err


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: (d / "classifier.json").unlink(), "is not a classifier directory"),
        (lambda d: (d / "classifier.json").write_text("{"), "cannot be read"),
        (lambda d: (d / "classifier.json").write_text('{"schema": 7}'), "schema 7 is unknown"),
        (lambda d: (d / "head.safetensors").write_bytes(b"x"), "the weights cannot be read"),
        (lambda d: (d / "model.safetensors").unlink(), "the weights cannot be read"),
    ],
)
def test_a_broken_classifier_directory_is_named(trained: Trained, tmp_path: Path, damage: Any, said: str) -> None:
    import shutil

    broken = tmp_path / "classifier"
    shutil.copytree(trained[0].directory, broken)
    damage(broken)
    with pytest.raises(ModelError) as error:
        load_classifier(broken)
    assert said in error.value.problem


def test_what_training_wrote_says_how_it_was_made(trained: Trained, tiny_training: TrainingSettings) -> None:
    written = json.loads((trained[0].directory / "classifier.json").read_text())
    assert written["labels"] == ["compliant", "non-compliant"]
    assert written["settings"]["training"] == tiny_training.model_dump()
    assert math.isclose(written["threshold"], trained[0].threshold)
    assert set(written["calibration"]) == {"slope", "shift"}
