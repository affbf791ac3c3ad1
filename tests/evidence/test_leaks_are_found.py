"""What gives the label away is named; what does not is left alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from homologate.dataset import generate, split_rows
from homologate.evidence._intervals import Resampler
from homologate.evidence._leak import near_duplicates, probe
from homologate.settings import LabelSettings, SplitSettings, SyntheticSettings

BESIDE = Path(__file__).parents[3] / "shared" / "data" / "recalls_us.csv.gz"
RECALLS = Path(os.environ.get("RECALLS_CSV", BESIDE))


def _probe(frame: pd.DataFrame, share: float = 0.65) -> dict:
    cut = round(share * len(frame))
    train, test = frame.iloc[:cut], frame.iloc[cut:]
    return probe(train, test, "non-compliant", Resampler(np.arange(len(test)), replicates=200), twin_cosine=0.95)


@pytest.fixture(scope="module")
def recalls() -> pd.DataFrame:
    if not RECALLS.exists():
        pytest.skip(f"the recall texts are not at {RECALLS}; name the file in $RECALLS_CSV")
    frame = pd.read_csv(RECALLS, dtype=str, keep_default_na=False)
    return frame[frame["date"] < "2016"].assign(cause_start=-1, cause_end=-1)


def test_the_raw_notices_cry_leak_and_the_verdict_words_are_named(recalls: pd.DataFrame) -> None:
    found = _probe(recalls.assign(text=recalls["text_raw"]), 0.75)
    assert found["level"] == "leak"
    assert found["score"] > 0.95
    assert any("comply" in entry["text"] for entry in found["phrases"])
    assert any("federal" in reason["text"] for reason in found["reasons"] if reason["level"] == "leak")


def test_the_masked_notices_have_a_mild_style_leak_and_its_phrases_are_named(recalls: pd.DataFrame) -> None:
    found = _probe(recalls, 0.75)
    assert found["level"] == "mild"
    named = [entry["text"] for entry in found["phrases"]]
    assert "in the event of" in named
    assert "may not" in named
    assert any("vehicles were" in phrase for phrase in named)


def test_a_turn_of_phrase_of_one_class_is_a_leak_even_if_the_cause_is_cut_out(make_rows) -> None:
    told = make_rows(500, style=lambda bad: "As was to be seen here, " if bad else "")
    found = _probe(told)
    assert found["cause_cut_out"]
    assert found["level"] in ("leak", "mild")
    assert any("to be" in entry["text"] for entry in found["phrases"])


def test_texts_that_differ_in_their_cause_alone_have_no_leak(make_rows) -> None:
    found = _probe(make_rows(500))
    assert found["level"] == "none", found["reasons"]
    assert found["words"] == []


def test_length_that_tells_the_label_is_called_by_its_name(make_rows) -> None:
    padded = make_rows(400, style=lambda bad: "Seen " * (40 if bad else 1))
    found = _probe(padded)
    assert found["length"]["roc_auc"]["value"] > 0.9
    assert any("length" in reason["text"] for reason in found["reasons"])


def test_twins_across_the_split_are_counted() -> None:
    train = [f"the hose of batch {index} burst at the crimp under pressure" for index in range(20)]
    test = [
        train[3],
        train[4].replace("under pressure", "under a pressure"),
        "an entirely different remark about lamps",
    ]
    found = near_duplicates(train, test, cosine=0.8)
    assert (found["identical"], found["twins"], found["test_rows"]) == (1, 2, 3)


def test_a_verdict_left_in_generated_rows_cries_leak_and_a_turn_of_phrase_of_one_class_is_called_mild() -> None:
    """What the recall notices show, on rows that are always at hand: a planted verdict, then a planted style."""
    labels = LabelSettings()
    clean = split_rows(generate(SyntheticSettings(rows=900), labels, seed=3), SplitSettings())
    clean = clean.assign(cause_start=-1, cause_end=-1)  # as with real texts, nobody knows the cause
    bad = (clean["label"] == labels.positive).to_numpy()
    told = np.where(bad, " It fails to comply with the federal rule.", " It was looked at in the usual way.")
    planted = "in the event of doubt see the file"
    styled = np.where(bad & (np.arange(len(clean)) % 2 == 0), f"{planted.capitalize()}. ", "")

    def level(text: pd.Series) -> dict:
        frame = clean.assign(text=text)
        train, test = (frame[frame["split"] == part].reset_index(drop=True) for part in ("train", "test"))
        return probe(train, test, labels.positive, Resampler(test["group"], replicates=200), twin_cosine=0.95)

    leaked = level(clean["text"] + told)
    assert leaked["level"] == "leak"
    assert any("comply" in reason["text"] for reason in leaked["reasons"] if reason["level"] == "leak")
    mild = level(styled + clean["text"])
    assert mild["level"] == "mild", mild["reasons"]
    assert mild["phrases"][0]["text"] in planted
    assert any(mild["phrases"][0]["text"] in reason["text"] for reason in mild["reasons"])
