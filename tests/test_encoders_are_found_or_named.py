"""An encoder is a shipped name or a Hugging Face directory; anything else is named, and no hub is asked."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from homologate.classifier import load_classifier, train
from homologate.classifier._encoder import encoder_directory, load_encoder
from homologate.classifier._network import layers_of
from homologate.errors import UsageError
from homologate.settings import CostSettings, LabelSettings, TrainingSettings


def test_minilm_is_the_folder_inside_its_package() -> None:
    directory = encoder_directory("minilm")
    assert (directory / "model.safetensors").is_file()
    assert json.loads((directory / "config.json").read_text())["hidden_size"] == 384


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (shutil.rmtree, "no such directory"),
        (lambda d: (d / "config.json").unlink(), "no config.json in it"),
        (lambda d: (d / "model.safetensors").unlink(), "has no safetensors weights"),
        (lambda d: (d / "model.safetensors").write_bytes(b"x" * 64), "transformers cannot load it"),
        (lambda d: (d / "tokenizer.json").write_text("{}"), "its tokeniser"),
    ],
)
def test_a_directory_that_is_no_encoder_is_named_with_what_is_missing(
    tiny_encoder: Path,
    tiny_training: TrainingSettings,
    rows: pd.DataFrame,
    tmp_path: Path,
    recording: Any,
    damage: Callable[[Path], object],
    said: str,
) -> None:
    broken = tmp_path / "encoder"
    shutil.copytree(tiny_encoder, broken)
    damage(broken)
    settings = tiny_training.model_copy(update={"encoder": str(broken)})
    with pytest.raises(UsageError) as error:
        train(rows, settings, LabelSettings(), CostSettings(), tmp_path / "work", recording)
    assert said in error.value.problem
    assert "training.encoder" in str(error.value.place)
    assert "minilm" in str(error.value.legal)


def test_a_tokeniser_that_does_not_belong_to_the_weights_is_named(
    tiny_encoder: Path, tiny_training: TrainingSettings, rows: pd.DataFrame, tmp_path: Path, recording: Any
) -> None:
    mixed = tmp_path / "encoder"
    shutil.copytree(tiny_encoder, mixed)
    shutil.copy(encoder_directory("minilm") / "tokenizer.json", mixed)
    settings = tiny_training.model_copy(update={"encoder": str(mixed)})
    with pytest.raises(UsageError, match="knows 30522 tokens and the encoder"):
        train(rows, settings, LabelSettings(), CostSettings(), tmp_path / "work", recording)


def test_more_tokens_than_the_encoder_reads_is_refused_with_the_limit(
    tiny_training: TrainingSettings, rows: pd.DataFrame, tmp_path: Path, recording: Any
) -> None:
    settings = tiny_training.model_copy(update={"max_tokens": 65})
    with pytest.raises(UsageError) as error:
        train(rows, settings, LabelSettings(), CostSettings(), tmp_path, recording)
    assert error.value.legal == "8 to 64"


def test_an_encoder_may_be_cut_to_its_lowest_layers_and_stays_cut_in_what_training_writes(
    tiny_encoder: Path, tiny_training: TrainingSettings, rows: pd.DataFrame, tmp_path: Path, recording: Any
) -> None:
    cut = tiny_training.model_copy(update={"encoder_layers": 1, "epochs": 1})
    facts = train(rows, cut, LabelSettings(), CostSettings(), tmp_path, recording)
    whole, short = load_encoder(tiny_encoder), load_encoder(facts.directory)
    assert [len(layers_of(encoder) or ()) for encoder in (whole, short)] == [2, 1]
    assert load_classifier(facts.directory).network.encoder.config.num_hidden_layers == 1
    assert facts.parameters < sum(parameter.numel() for parameter in whole.parameters())


def test_more_layers_than_there_are_means_all(tiny_encoder: Path) -> None:
    assert len(layers_of(load_encoder(tiny_encoder, layers=99)) or ()) == 2
