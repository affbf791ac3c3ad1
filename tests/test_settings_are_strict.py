"""A typo in the settings stops a command at its start, and the error lists what is legal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from homologate.errors import UsageError
from homologate.settings import PRESETS, Settings, TrainingSettings, load_settings

ROOT = Path(__file__).resolve().parents[1]


def written(folder: Path, text: str) -> Path:
    file = folder / "homologate.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_settings(written(tmp_path, "")) == Settings()


def test_what_the_settings_verb_prints_is_a_file_that_loads_to_the_same(tmp_path: Path) -> None:
    text = yaml.safe_dump(Settings().model_dump(mode="json"))
    assert load_settings(written(tmp_path, text)) == Settings()


@pytest.mark.parametrize(
    ("text", "problem", "legal"),
    [
        ("modle: x", "modle = 'x'", "model, experiment"),
        ("data: {colums: {text: x}}", r"data\.colums", "columns"),
        ("data: {columns: {txt: x}}", r"data\.columns\.txt = 'x'", "text, label, id"),
        ("training: {epoch: 3}", "epoch = 3", "epochs"),
        ("training: {epochs: three}", "epochs = 'three'", None),
        ("data: {split: {test_share: 1.5}}", r"test_share = 1\.5.*less than or equal to 1", None),
        ("preset: best", "preset = 'best'.*'quick' or 'full'", None),
        ("data: {labels: {positive: a, negative: a}}", "they must differ", None),
        ("data: [1, 2]", r"data = \[1, 2\]", None),
        ("model: 'a b'", "model = 'a b'", None),
    ],
)
def test_a_fault_names_field_value_and_what_is_legal(
    tmp_path: Path, text: str, problem: str, legal: str | None
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_settings(file)
    assert re.search(problem, str(caught.value), re.S)
    assert legal is None or legal in str(caught.value)
    assert "homologate settings --schema" in str(caught.value)


def test_text_that_is_no_yaml_is_told_with_its_file(tmp_path: Path) -> None:
    file = written(tmp_path, "a: [")
    with pytest.raises(UsageError, match="cannot read the settings") as caught:
        load_settings(file)
    assert str(file) in str(caught.value)


def test_a_settings_file_that_was_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no settings file"):
        load_settings(tmp_path / "nowhere.yaml")


def test_an_argument_overrides_the_file_and_is_checked_with_it(tmp_path: Path) -> None:
    file = written(tmp_path, "data: {since: '2020-01-01', encoding: latin-1}")
    settings = load_settings(file, data={"since": "2021-01-01"})
    assert (settings.data.since, settings.data.encoding) == ("2021-01-01", "latin-1")
    with pytest.raises(UsageError, match="layout"):
        load_settings(file, data={"layout": "xml"})


def test_an_unknown_preset_lists_the_presets() -> None:
    with pytest.raises(UsageError, match="no preset 'fast'") as caught:
        Settings().training_of("fast")
    assert "quick" in str(caught.value)
    assert "full" in str(caught.value)


@given(st.sampled_from(sorted(PRESETS)), st.integers(0, 100), st.integers(0, 10_000))
def test_overrides_win_over_the_preset_and_everything_else_stays(preset: str, epochs: int, seed: int) -> None:
    training = Settings().training_of(preset, epochs=epochs, seed=seed, encoder=None)
    assert training == PRESETS[preset].model_copy(update={"epochs": epochs, "seed": seed})


def test_settings_cannot_be_changed_after_they_are_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TrainingSettings().epochs = 3  # type: ignore[misc]
