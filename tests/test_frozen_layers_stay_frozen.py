"""What shall not learn does not change, and running it once gives what running it every time gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from homologate.classifier import load_classifier, train
from homologate.classifier._encoder import load_encoder
from homologate.classifier._frozen import can_replay, frozen_depth, replayed
from homologate.classifier._network import Network
from homologate.settings import CostSettings, LabelSettings, TrainingSettings

IDS = torch.tensor([[2, 60, 70, 80, 90, 3]])


@pytest.fixture
def network(tiny_encoder: Path) -> Network:
    encoder = load_encoder(tiny_encoder)
    return Network(encoder, encoder.config.hidden_size)


def test_only_the_topmost_layer_and_the_head_learn_when_one_layer_is_asked_for(
    rows: pd.DataFrame, tiny_training: TrainingSettings, tiny_encoder: Path, tmp_path: Path, recording: Any
) -> None:
    settings = tiny_training.model_copy(update={"trainable_layers": 1, "train_embeddings": False, "epochs": 1})
    facts = train(rows, settings, LabelSettings(), CostSettings(), tmp_path, recording)
    assert facts.best_step > 0
    before = load_encoder(tiny_encoder).state_dict()
    after = load_classifier(facts.directory).network.encoder.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("encoder.layer.1.") for name in changed)
    assert facts.parameters_trained < facts.parameters / 2


def test_replayed_states_train_to_the_same_weights_as_running_the_lower_layers_every_time(
    rows: pd.DataFrame,
    tiny_training: TrainingSettings,
    tmp_path: Path,
    recording: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = tiny_training.model_copy(update={"trainable_layers": 1, "train_embeddings": False, "epochs": 1})
    once = train(rows, settings, LabelSettings(), CostSettings(), tmp_path / "once", recording)
    monkeypatch.setattr("homologate.classifier._frozen.KEEP_AT_MOST", 0)
    always = train(rows, settings, LabelSettings(), CostSettings(), tmp_path / "always", type(recording)())
    assert once.history[-1]["loss"] == pytest.approx(always.history[-1]["loss"], abs=1e-4)
    assert once.threshold == pytest.approx(always.threshold, abs=1e-3)


@pytest.mark.parametrize(("layers", "embeddings", "depth"), [(0, False, 2), (1, False, 1), (2, False, 0), (1, True, 0)])
def test_layers_are_replayed_only_below_everything_that_learns(
    network: Network, layers: int, embeddings: bool, depth: int
) -> None:
    assert frozen_depth(network, layers, embeddings) == depth
    assert any(p.requires_grad for p in network.encoder.embeddings.parameters()) is embeddings
    assert can_replay(network, depth, tokens=100, ids=IDS) is (depth > 0)


def test_the_encoder_is_whole_again_after_a_replay_that_failed(network: Network) -> None:
    names = list(network.state_dict())
    with replayed(network.encoder, 1):
        assert list(network.state_dict()) != names
    assert list(network.state_dict()) == names

    def fails() -> None:
        with replayed(network.encoder, 1):
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        fails()
    assert list(network.state_dict()) == names


def test_a_frozen_part_answers_without_dropout_while_the_rest_trains(network: Network) -> None:
    from homologate.classifier._module import FineTuning

    frozen_depth(network, 1, False)
    module = FineTuning(network, TrainingSettings(), 0, 10).train()
    lower, upper = network.encoder.encoder.layer
    assert not lower.output.dropout.training
    assert upper.output.dropout.training
    assert not network.encoder.embeddings.dropout.training
    assert module.training
