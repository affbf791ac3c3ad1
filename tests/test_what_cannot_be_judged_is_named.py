"""A text that cannot be judged and a model directory that cannot answer are named, with what would be legal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homologate.errors import DataError, ModelError
from homologate.scorer import InputFault, ModelFault, Scorer
from homologate.scoring import faults_as_errors, open_scorer


@pytest.fixture(scope="module")
def scorer(tiny_model: Path) -> Scorer:
    return Scorer(tiny_model)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (None, "None is no text, it is NoneType"),
        (float("nan"), "nan is no text, it is float"),
        (12.5, "12.5 is no text, it is float"),
        (b"lamp", "b'lamp' is no text, it is bytes"),
        ("", "'' is empty"),
        (" \n\t", r"' \n\t' is empty"),
        ("\u0000\u0007", r"'\x00\x07' has nothing the tokeniser reads"),
        ("lamp \ud800", "not valid Unicode"),
    ],
)
def test_what_is_no_text_is_named_with_its_index(scorer: Scorer, bad: Any, said: str) -> None:
    with pytest.raises(InputFault) as fault:
        scorer.probabilities(["The lamp cracked.", bad, "The hose held."])
    assert said in fault.value.problem
    assert fault.value.place == "text 1"
    assert fault.value.legal == "a description in words"


def test_one_string_in_the_place_of_a_list_is_a_fault_and_not_a_list_of_letters(scorer: Scorer) -> None:
    with pytest.raises(InputFault, match="one string where a list of texts belongs"):
        scorer.probabilities("The lamp cracked.")


def test_no_text_gives_no_answer(scorer: Scorer) -> None:
    assert scorer.probabilities([]).shape == (0,)
    assert scorer.answers([]) == []


def _facts(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(directory: Path) -> None:
        file = directory / "scorer.json"
        facts = json.loads(file.read_text())
        change(facts)
        file.write_text(json.dumps(facts))

    return damage


@pytest.mark.parametrize(
    ("damage", "said", "place"),
    [
        (shutil.rmtree, "no such directory", "scorer.json"),
        (lambda d: (d / "scorer.json").unlink(), "no scorer.json in it", "scorer.json"),
        (lambda d: (d / "scorer.json").write_text("{"), "cannot be read", "scorer.json"),
        (lambda d: (d / "model.onnx").unlink(), "the fp32 model is missing", "model.onnx"),
        (lambda d: (d / "model.onnx").write_bytes(b"\0" * 64), "ONNX Runtime cannot load it", "model.onnx"),
        (lambda d: (d / "tokenizer.json").unlink(), "the tokeniser is missing", "tokenizer.json"),
        (lambda d: (d / "tokenizer.json").write_text("{}"), "not a tokeniser", "tokenizer.json"),
        (_facts(lambda f: f.update(schema=9)), "schema 9 is unknown", "scorer.json"),
        (_facts(lambda f: f.update(labels=["a", "a"])), "labels = ['a', 'a']", "field labels"),
        (_facts(lambda f: f.update(threshold=1.5)), "threshold = 1.5", "field threshold"),
        (_facts(lambda f: f.update(threshold=True)), "threshold = True", "field threshold"),
        (_facts(lambda f: f.pop("bias")), "bias = None", "field bias"),
        (_facts(lambda f: f.update(precision="fp16")), "precision = 'fp16'", "field precision"),
    ],
)
def test_a_broken_model_directory_names_the_file_and_the_field(
    tiny_model: Path, tmp_path: Path, damage: Callable[[Path], object], said: str, place: str
) -> None:
    broken = tmp_path / "model"
    shutil.copytree(tiny_model, broken)
    damage(broken)
    with pytest.raises(ModelFault) as fault:
        Scorer(broken)
    assert said in str(fault.value)
    assert place in str(fault.value.place)


def test_an_unknown_precision_lists_the_two_there_are(tiny_model: Path) -> None:
    with pytest.raises(ModelFault) as fault:
        Scorer(tiny_model, "fp16")
    assert fault.value.legal == "fp32, int8"


def test_inside_the_project_faults_become_the_errors_a_command_ends_with(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as missing:
        open_scorer(tmp_path / "nowhere")
    assert "no such directory" in missing.value.problem
    with pytest.raises(DataError) as empty, faults_as_errors():
        open_scorer(tiny_model).answer("")
    assert (empty.value.place, empty.value.legal) == ("text 0", "a description in words")
