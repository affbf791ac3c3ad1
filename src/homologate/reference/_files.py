"""A profile as two files of the model directory: `reference.json` to read, `reference.npz` (no pickle) for numbers."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from homologate.errors import ModelError
from homologate.reference._profile import Profile
from homologate.reference._sample import Bags, Sample
from homologate.reference._words import Vocabulary

__all__ = ["SCHEMA", "files_of", "load_profile"]

SCHEMA = 2
FACTS, NUMBERS = "reference.json", "reference.npz"
_ARRAYS = ("probability", "truth", "length", "counted", "unknown", "embedding")
_BAGS = ("words", "tokens")
AGAIN = "homologate export  # writes a profile of this schema into a new model directory, to be judged as a new version"


def files_of(profile: Profile) -> dict[str, bytes]:
    """The bytes of both files; nothing in them depends on when they were written."""
    sample = profile.held_out
    facts = {
        "schema": SCHEMA,
        **profile.facts,
        "words": profile.vocabulary.texts_with,
        "ids": sample.ids,
        "component": sample.component,
    }
    arrays = {name: getattr(sample, name) for name in _ARRAYS}
    for name in _BAGS:
        bags: Bags = getattr(sample, name)
        small = np.uint16 if not len(bags.items) or bags.items.max() <= np.iinfo(np.uint16).max else np.int32
        arrays |= {f"{name}_items": bags.items.astype(small), f"{name}_sizes": np.diff(bags.starts).astype(np.uint16)}
    raw = io.BytesIO()
    np.savez_compressed(raw, **arrays)
    text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
    return {FACTS: (text + "\n").encode(), NUMBERS: raw.getvalue()}


def load_profile(directory: Path) -> Profile:
    """The profile inside a model directory.

    Raises:
        ModelError: there is none, it is of another schema or version, or it is broken; names the file.
    """
    file = directory / FACTS
    if not file.is_file():
        raise ModelError("the version carries no reference profile", place=str(file), next_command=AGAIN)
    try:
        facts: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"the reference profile cannot be read: {error}", place=str(file)) from error
    found = facts.get("schema") if isinstance(facts, dict) else None
    if found != SCHEMA:
        raise ModelError(
            f"the reference profile is of schema {found!r}", place=str(file), legal=str(SCHEMA), next_command=AGAIN
        )
    try:
        _must_belong(facts, directory)
        return _profile(facts, directory / NUMBERS)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        what = f"{type(error).__name__}: {error}"
        raise ModelError(
            f"the reference profile is broken: {what}", place=str(directory / NUMBERS), next_command=AGAIN
        ) from error


def _must_belong(facts: dict[str, Any], directory: Path) -> None:
    """A profile put beside other weights would show a drift, or none, that is not there."""
    scorer = json.loads((directory / "scorer.json").read_text(encoding="utf-8"))
    for name in ("labels", "threshold"):
        if facts[name] != scorer[name]:
            raise ModelError(
                f"the reference profile is of another version: its {name} {facts[name]}, the model's {scorer[name]}",
                place=str(directory / FACTS),
                next_command=AGAIN,
            )


def _profile(facts: dict[str, Any], numbers: Path) -> Profile:
    with np.load(numbers, allow_pickle=False) as arrays:
        plain: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        bags: dict[str, Any] = {
            name: Bags(
                arrays[f"{name}_items"].astype(np.int32),
                np.concatenate([[0], np.cumsum(arrays[f"{name}_sizes"], dtype=np.int64)]),
            )
            for name in _BAGS
        }
    sample = Sample(ids=tuple(facts.pop("ids")), component=tuple(facts.pop("component")), **plain, **bags)
    if len(sample) != len(sample.probability) or sample.texts != len(sample.words):
        raise ValueError("its parts are of different lengths")
    vocabulary = Vocabulary(facts.pop("words"), facts["train_texts"], facts["distinct_words"])
    return Profile({name: value for name, value in facts.items() if name != "schema"}, vocabulary, sample)
