"""From real ONNX files to pages, and the pointing game of a model that learnt against one that could not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from homologate.errors import ModelError
from homologate.evidence import cards, evaluate, explain, render
from homologate.settings import (
    CostSettings,
    DataSettings,
    ExplanationSettings,
    LabelSettings,
    Settings,
    TrainingSettings,
)

DIGEST = "sha256:" + "a" * 64
SETTINGS = Settings(data=DataSettings(source="rows.csv"), explanation=ExplanationSettings(faithfulness_texts=16))


@pytest.fixture(scope="module")
def judged_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows the tiny model was trained on, in canonical form, with the cause of every label."""
    spans = rows["text"].str.extract(r"^(.*?)(cracked below|held above)")
    start = spans[0].str.len().astype("int64")
    return rows.assign(
        date="", component=rows["text"].str.split().str[1], manufacturer="", source="bench",
        cause_start=start, cause_end=start + spans[1].str.len().astype("int64"), group=np.arange(len(rows)),
    )  # fmt: skip


def test_the_files_of_a_model_become_two_reports_and_three_cards(tiny_model: Path, judged_rows: pd.DataFrame) -> None:
    told: list[str] = []
    evaluation = evaluate(tiny_model, judged_rows, SETTINGS, digest=DIGEST, progress=told.append)
    explanation = explain(tiny_model, judged_rows, SETTINGS, digest=DIGEST, progress=told.append)
    assert set(evaluation["metrics"]) == {"fp32", "int8"}
    assert evaluation["metrics"]["fp32"]["roc_auc"]["low"] > 0.8
    assert evaluation["behaviour"]["tests"]["awkward"]["examples"] == []
    assert explanation["faithfulness"]["occlusion_texts"] == 8
    assert explanation["pointing"]["all"]["texts"] == evaluation["data"]["test"]["rows"]
    assert len(told) > 8
    for facts in (evaluation, explanation, *cards(evaluation, explanation).values()):
        assert DIGEST[7:19] in render(facts)


@pytest.mark.slow
def test_the_cause_is_found_by_a_model_that_learnt_and_lost_by_one_trained_on_shuffled_labels(
    make_rows: Callable[..., pd.DataFrame], tmp_path: Path, recording: Any
) -> None:
    """Linear probes on the shipped encoder: seconds to train, and they read the phrase that decides."""
    from homologate.classifier import export, train

    frame = make_rows(240)
    probe, costs = TrainingSettings(epochs=0, max_tokens=64, probe_c=1.0, threads=2), CostSettings(pass_bad=1.0)
    labels = {"learnt": frame["label"], "fooled": np.random.default_rng(0).permutation(frame["label"])}
    found = {}
    for name, label in labels.items():
        trained = train(frame.assign(label=label), probe, LabelSettings(), costs, tmp_path / name, type(recording)())
        model = export(trained.directory, tmp_path / f"{name}-onnx")
        found[name] = explain(model, frame, SETTINGS, digest=DIGEST)
    learnt, fooled = found["learnt"]["pointing"]["all"], found["fooled"]["pointing"]["all"]
    assert learnt["in_three"]["low"] > 0.8 > 0.4 > learnt["chance_in_three"]
    assert learnt["first"]["low"] > learnt["chance"]
    assert fooled["in_three"]["low"] <= fooled["chance_in_three"]
    assert fooled["first"]["low"] <= fooled["chance"]
    assert found["learnt"]["faithfulness"]["gain"]["deletion"]["low"] > 0


def test_a_model_that_answers_other_words_is_refused_with_both_named(
    tiny_model: Path, judged_rows: pd.DataFrame
) -> None:
    other = Settings(data=DataSettings(source="rows.csv", labels=LabelSettings(negative="defect-only")))
    with pytest.raises(ModelError, match="the settings name") as raised:
        evaluate(tiny_model, judged_rows, other, digest=DIGEST)
    assert "defect-only" in str(raised.value)
    assert "scorer.json" in str(raised.value)


def test_a_missing_directory_is_a_model_error(judged_rows: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        explain(tmp_path / "nowhere", judged_rows, SETTINGS, digest=DIGEST)
