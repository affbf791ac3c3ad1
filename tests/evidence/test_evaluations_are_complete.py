"""One call measures everything a reviewer needs, from each text scored once, and says what it could not measure."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from homologate.errors import DataError
from homologate.evidence import evaluate_scorers, gain_in_words, items_of, jsonl
from homologate.settings import CostSettings, DataSettings, LabelSettings, Settings

DIGEST = "sha256:" + "2" * 64
SETTINGS = Settings(data=DataSettings(source="rows.csv"))


def test_facts_are_json_without_nan_and_name_their_subject(evaluation: dict[str, Any]) -> None:
    again = json.loads(json.dumps(evaluation, allow_nan=False))
    assert again == evaluation
    assert (again["schema"], again["kind"]) == (1, "evaluation")
    assert again["subject"]["digest"].startswith("sha256:")
    assert again["verdict"].startswith("Catches ")


def test_the_same_bytes_and_rows_give_the_same_facts(make_rows, make_scorer, good_weights) -> None:
    first, second = (
        evaluate_scorers({"fp32": make_scorer(good_weights)}, make_rows(160), SETTINGS, digest=DIGEST) for _ in range(2)
    )
    assert first == second


def test_every_metric_the_policy_reads_has_a_value_and_an_interval(evaluation: dict[str, Any]) -> None:
    for precision in ("fp32", "int8"):
        for name in ("accuracy", "precision", "recall", "f1", "average_precision", "roc_auc", "brier", "cost"):
            found = evaluation["metrics"][precision][name]
            assert found["low"] <= found["value"] <= found["high"], (precision, name)
    assert set(evaluation["baselines"]) == set(evaluation["gain"]) == {"majority", "tfidf"}
    assert evaluation["gain"]["majority"]["average_precision"]["low"] > 0
    assert set(evaluation["slices"]) == {"component", "manufacturer", "source", "length", "year"}
    assert evaluation["precisions"]["int8"]["agreement"]["value"] == 1.0


def test_cost_is_what_the_mistakes_cost(make_rows, make_scorer, good_weights) -> None:
    dear = Settings(data=DataSettings(source="rows.csv"), costs=CostSettings(pass_bad=40.0, stop_good=2.0))
    found = evaluate_scorers({"fp32": make_scorer(good_weights)}, make_rows(160), dear, digest=DIGEST)
    counts, rows = found["metrics"]["fp32"]["confusion"], found["data"]["test"]["rows"]
    assert found["metrics"]["fp32"]["cost"]["value"] == pytest.approx(
        (40 * counts["missed"] + 2 * counts["stopped"]) / rows, abs=1e-5
    )
    assert found["threshold_curve"]["best"]["cost"] <= found["metrics"]["fp32"]["cost"]["value"] + 1e-6


def test_items_come_back_as_they_went_in(evaluation: dict[str, Any]) -> None:
    items = items_of(evaluation)
    assert list(items.columns) == ["id", "group", "label", "component", "probability_fp32", "probability_int8"]
    assert len(items) == evaluation["data"]["test"]["rows"]
    right = (items["probability_fp32"] >= evaluation["threshold"]) == (items["label"] == "non-compliant")
    assert right.mean() == pytest.approx(evaluation["metrics"]["fp32"]["accuracy"]["value"], abs=1e-5)
    lines = jsonl(evaluation).splitlines()
    assert json.loads(lines[0])["id"] == items["id"].iloc[0]
    assert "text" not in json.loads(lines[0])


def test_facts_without_items_are_refused_by_name() -> None:
    with pytest.raises(DataError, match="hold no items") as raised:
        items_of({"kind": "parity"})
    assert "homologate evaluate" in str(raised.value)


def test_items_of_unequal_length_are_refused() -> None:
    items = {"id": ["a"], "group": [1], "label": ["x"], "component": [""], "probability": {"fp32": [0.1, 0.2]}}
    with pytest.raises(DataError, match="unequal length"):
        items_of({"kind": "evaluation", "items": items})


def test_edits_that_change_nothing_flip_nothing_for_a_model_that_reads_words(evaluation: dict[str, Any]) -> None:
    tests = evaluation["behaviour"]["tests"]
    for name in ("upper_case", "lower_case", "white_space", "long_tail"):
        assert tests[name]["failures"] == 0, name
    assert tests["awkward"]["failures"] == 0
    assert evaluation["behaviour"]["directional_not_measured"]


def test_a_model_that_minds_capitals_is_caught_with_examples(make_rows, make_scorer, good_weights) -> None:
    class Shouting(make_scorer):
        def _answer(self, text: str, explain: bool) -> Any:
            return super()._answer(text.replace("UNDER LOAD", "cracked early cracked early"), explain)

    found = evaluate_scorers({"fp32": Shouting(good_weights)}, make_rows(160), SETTINGS, digest=DIGEST)
    capitals = found["behaviour"]["tests"]["upper_case"]
    assert capitals["failure_rate"]["low"] > 0.2
    assert capitals["examples"][0]["after"].isupper()
    assert "behaviour.upper_case" in {entry["id"] for entry in found["cautions"]}


def test_generated_rows_bring_pairs_whose_truth_is_known(make_scorer, make_rows, good_weights) -> None:
    known = Settings(data=DataSettings(source="synthetic", labels=LabelSettings()))
    found = evaluate_scorers({"fp32": make_scorer(good_weights)}, make_rows(160), known, digest=DIGEST)
    tests = found["behaviour"]["tests"]
    assert tests["limit_crossed"]["kind"] == tests["negation"]["kind"] == "directional"
    assert tests["unit"]["kind"] == "invariance"
    assert tests["limit_crossed"]["failures"] == tests["limit_crossed"]["texts"]  # this model reads no figures
    assert found["behaviour"]["directional_not_measured"] is None


def test_worst_mistakes_are_the_most_confident_ones_and_carry_their_words(evaluation: dict[str, Any]) -> None:
    missed = evaluation["worst"]["missed"]
    assert [entry["probability"] for entry in missed] == sorted(entry["probability"] for entry in missed)
    assert all(entry["label"] == "non-compliant" and entry["answer"] == "compliant" for entry in missed)
    start, end, _ = missed[0]["words"][0]
    assert missed[0]["text"][start:end] == "The"


def test_the_learning_curve_says_that_it_is_the_baseline(evaluation: dict[str, Any]) -> None:
    found = evaluation["learning_curve"]
    assert "not the transformer" in found["what"]
    assert [point["rows"] for point in found["points"]] == sorted(point["rows"] for point in found["points"])


def test_a_frame_without_test_rows_is_refused(make_rows, make_scorer) -> None:
    with pytest.raises(DataError, match="no test rows") as raised:
        evaluate_scorers({"fp32": make_scorer({})}, make_rows(80).assign(split="train"), SETTINGS, digest=DIGEST)
    assert "homologate prepare" in str(raised.value)


def test_train_rows_of_one_label_are_refused_by_name(make_rows, make_scorer) -> None:
    frame = make_rows(80)
    frame.loc[frame["split"] == "train", "label"] = "compliant"
    with pytest.raises(DataError, match="one label only: compliant"):
        evaluate_scorers({"fp32": make_scorer({})}, frame, SETTINGS, digest=DIGEST)


def test_test_rows_of_one_label_are_measured_as_far_as_can_be_told(make_rows, make_scorer, good_weights) -> None:
    frame = make_rows(120)
    frame.loc[frame["split"] == "test", "label"] = "compliant"
    found = evaluate_scorers({"fp32": make_scorer(good_weights)}, frame, SETTINGS, digest=DIGEST)
    assert found["metrics"]["fp32"]["recall"]["value"] is None
    assert found["metrics"]["fp32"]["accuracy"]["value"] is not None
    assert found["verdict"].startswith("No non-compliant text and wrongly stops")
    json.dumps(found, allow_nan=False)


def test_a_test_text_that_was_trained_on_is_reported(make_rows, make_scorer, good_weights) -> None:
    frame = make_rows(160)
    first_train, first_test = (np.flatnonzero(frame["split"] == name)[0] for name in ("train", "test"))
    frame.loc[first_test, "text"] = frame.loc[first_train, "text"]
    found = evaluate_scorers({"fp32": make_scorer(good_weights)}, frame, SETTINGS, digest=DIGEST)
    assert found["leak"]["near_duplicates"]["identical"] == 1
    assert any(entry["level"] == "stop" and "word for word" in entry["text"] for entry in found["cautions"])


def test_a_model_with_one_verdict_for_all_is_told_to_decide_nothing(make_rows, make_scorer) -> None:
    found = evaluate_scorers({"fp32": make_scorer({}, bias=2.0)}, make_rows(120), SETTINGS, digest=DIGEST)
    assert found["cautions"][0]["text"] == "Every test text is answered non-compliant: the model decides nothing."


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ((0.103, 0.01, 0.2), "beats the TF-IDF baseline by 0.103 average precision (95 %: +0.010 to +0.200)"),
        ((0.05, -0.02, 0.12), "is not certain to beat the TF-IDF baseline: +0.050 average precision (95 %: -0.020 to"),
        ((-0.3, -0.4, -0.2), "falls behind the TF-IDF baseline by 0.300 average precision (95 %: -0.400 to -0.200)"),
        ((0.1, None, None), "in average precision, nothing can be told against the TF-IDF baseline"),
    ],
)
def test_what_is_gained_over_the_baseline_is_never_told_without_how_sure_that_is(
    interval: tuple[float | None, ...], words: str
) -> None:
    assert gain_in_words(dict(zip(("value", "low", "high"), interval, strict=True))).startswith(words)
