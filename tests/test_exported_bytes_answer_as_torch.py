"""The ONNX bytes answer as torch did, on the test set and on shapes it does not have; where they do not, it shows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest

from homologate.classifier import TrainingFacts, export, load_classifier, parity
from homologate.errors import DataError, ModelError, StorageError, UsageError
from homologate.scorer import Scorer

Trained = tuple[TrainingFacts, Any]


@pytest.fixture(scope="module")
def facts(trained: Trained, tiny_model: Path, rows: pd.DataFrame) -> dict[str, Any]:
    return parity(trained[0].directory, tiny_model, rows, threads=1)


def test_the_directory_holds_exactly_what_the_scorer_reads(tiny_model: Path, trained: Trained) -> None:
    assert {file.name for file in tiny_model.iterdir()} == {
        "model.onnx",
        "model.int8.onnx",
        "tokenizer.json",
        "scorer.json",
    }
    written = json.loads((tiny_model / "scorer.json").read_text())
    assert written["labels"] == ["compliant", "non-compliant"]
    assert written["threshold"] == trained[0].threshold
    assert written["precision"] == "fp32"


@pytest.mark.parametrize("name", ["model.onnx", "model.int8.onnx"])
def test_both_graphs_have_the_promised_inputs_and_outputs_with_free_batch_and_sequence(
    tiny_model: Path, name: str
) -> None:
    graph = onnx.load(tiny_model / name).graph
    axes = {
        value.name: [dimension.dim_param for dimension in value.type.tensor_type.shape.dim]
        for value in [*graph.input, *graph.output]
    }
    assert axes == {
        "input_ids": ["batch", "sequence"],
        "attention_mask": ["batch", "sequence"],
        "probability": ["batch"],
        "contributions": ["batch", "sequence"],
        "embedding": ["batch", ""],
    }


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_embedding_is_what_the_head_sees(
    trained: Trained, tiny_model: Path, rows: pd.DataFrame, precision: str
) -> None:
    texts = rows["text"].head(40).tolist()
    network = load_classifier(trained[0].directory).network
    scorer = Scorer(tiny_model, precision)
    embeddings = scorer.embeddings(texts)
    logits = embeddings @ network.weight.detach().numpy() + network.bias.item()
    assert embeddings.shape == (40, 32)
    assert np.allclose(logits, [answer.logit for answer in scorer.answers(texts)], atol=1e-4)


def test_attention_is_fused_and_quantised_in_int8_and_the_head_is_not(tiny_model: Path) -> None:
    kinds = [node.op_type for node in onnx.load(tiny_model / "model.int8.onnx").graph.node]
    assert kinds.count("QAttention") == 2
    assert "ReduceSum" in kinds


def test_the_tokeniser_file_stands_alone_with_its_own_truncation_and_no_padding(tiny_model: Path) -> None:
    raw = json.loads((tiny_model / "tokenizer.json").read_text())
    assert raw["padding"] is None
    assert raw["truncation"]["max_length"] == 48


def test_parity_holds_on_the_whole_test_set(facts: dict[str, Any]) -> None:
    assert facts["kind"] == "parity"
    assert facts["texts"] == 80
    assert facts["fp32"]["max_difference"] < 1e-5
    assert facts["fp32"]["flips"] == []
    assert facts["fp32"]["label_agreement"] == 1.0
    assert facts["int8"]["label_agreement"] == 1 - len(facts["int8"]["flips"]) / 80
    assert facts["passed"] is all(facts["checks"].values())
    assert json.loads(json.dumps(facts)) == facts


def test_every_batch_size_and_every_kind_of_length_was_asked(facts: dict[str, Any]) -> None:
    assert facts["shapes"]["batch_sizes"] == [1, 2, 33]
    assert set(range(1, 17)) | {48} <= set(facts["shapes"]["lengths"])
    assert facts["shapes"]["max_difference"] < 1e-5


def test_the_tokens_are_hugging_faces_on_test_texts_and_nasty_ones(facts: dict[str, Any]) -> None:
    from homologate.classifier._token_parity import NASTY

    assert facts["tokens"]["compared"] == 80 + len(NASTY)
    assert facts["tokens"]["differences"] == []


def test_a_model_that_answers_otherwise_is_found_and_every_flip_is_listed(
    trained: Trained, tiny_model: Path, rows: pd.DataFrame, tmp_path: Path
) -> None:
    other = tmp_path / "onnx"
    shutil.copytree(tiny_model, other)
    for name in ("model.onnx", "model.int8.onnx"):
        model = onnx.load(other / name)
        last = next(node for node in model.graph.node if "probability" in node.output)
        last.op_type = "HardSigmoid"
        last.attribute.append(onnx.helper.make_attribute("alpha", 0.01))
        onnx.save(model, other / name)
    test = rows[rows["split"] == "test"]
    classifier, scorer = load_classifier(trained[0].directory), Scorer(other)
    before, after = (one.probabilities(test["text"].tolist()) for one in (classifier, scorer))
    flipped = test["id"][(before >= classifier.threshold) != (after >= classifier.threshold)].tolist()
    assert flipped, "the damage must flip something for this test to say anything"

    facts = parity(trained[0].directory, other, rows, threads=1)
    assert not facts["passed"]
    assert [flip["id"] for flip in facts["fp32"]["flips"]] == flipped
    flip = facts["fp32"]["flips"][0]
    assert flip["text"] == test.set_index("id")["text"][flip["id"]]
    assert {flip["from"], flip["to"]} == {"compliant", "non-compliant"}
    assert "Not met: fp32 within 0.0001 of torch; fp32 flips no verdict" in facts["verdict"]


def test_a_graph_that_answers_otherwise_is_not_exported(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from homologate.classifier import Classifier

    monkeypatch.setattr(Classifier, "probabilities", lambda self, texts: np.full(len(texts), 0.5, dtype=np.float32))
    with pytest.raises(ModelError) as error:
        export(trained[0].directory, tmp_path / "onnx")
    assert "where torch answers [0.5, 0.5, 0.5, 0.5]" in error.value.problem
    assert list(tmp_path.iterdir()) == []


def test_export_replaces_what_was_there_and_takes_the_default_precision(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "stale").touch()
    out = export(trained[0].directory, tmp_path / "onnx", precision="int8")
    assert not (out / "stale").exists()
    assert Scorer(out).precision == "int8"


def test_what_cannot_be_exported_or_compared_is_named(
    trained: Trained, tiny_model: Path, rows: pd.DataFrame, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="is not a classifier directory"):
        export(tmp_path, tmp_path / "onnx")
    with pytest.raises(UsageError, match="no precision 'fp16'"):
        export(trained[0].directory, tmp_path / "onnx", precision="fp16")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="the ONNX files cannot be written"):
        export(trained[0].directory, tmp_path / "file" / "onnx")
    with pytest.raises(DataError, match="no test row to compare"):
        parity(trained[0].directory, tiny_model, rows[rows["split"] == "train"])
    with pytest.raises(ModelError, match="no such directory"):
        parity(trained[0].directory, tmp_path / "nowhere", rows)
