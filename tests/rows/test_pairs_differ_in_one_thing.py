"""Behavioural pairs: two texts that differ in one thing, and what a sound verdict does."""

from __future__ import annotations

import difflib

import pytest

from homologate.dataset import Pair, behavioural_pairs
from homologate.settings import LabelSettings

INVARIANT = {"case", "spelling", "unit", "supplier", "aside"}
DIRECTED = {"limit crossed", "relation reversed", "negation"}


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return behavioural_pairs(seed=3, n=400)


def of(pairs: list[Pair], kind: str) -> list[Pair]:
    return [pair for pair in pairs if pair.kind == kind]


def test_every_kind_is_there_in_equal_numbers(pairs: list[Pair]) -> None:
    assert {pair.kind for pair in pairs} == INVARIANT | DIRECTED
    assert {len(of(pairs, kind)) for kind in INVARIANT | DIRECTED} == {50}


def test_what_must_hold_keeps_its_label_and_what_must_turn_turns_it(pairs: list[Pair]) -> None:
    for pair in pairs:
        assert pair.expect == ("same" if pair.kind in INVARIANT else "flip")
        assert (pair.label_a == pair.label_b) == (pair.expect == "same")
        assert pair.text_a != pair.text_b


def test_both_labels_come_first(pairs: list[Pair]) -> None:
    for kind in INVARIANT | DIRECTED:
        assert {pair.label_a for pair in of(pairs, kind)} == {"compliant", "non-compliant"}


def test_most_of_the_text_is_the_same(pairs: list[Pair]) -> None:
    for pair in pairs:
        likeness = difflib.SequenceMatcher(None, pair.text_a.lower(), pair.text_b.lower(), autojunk=False).ratio()
        assert likeness > 0.55, pair


def test_case_changes_nothing_else(pairs: list[Pair]) -> None:
    assert all(pair.text_a.lower() == pair.text_b.lower() for pair in of(pairs, "case"))


def test_the_same_seed_gives_the_same_pairs(pairs: list[Pair]) -> None:
    assert behavioural_pairs(seed=3, n=24) == pairs[:24]
    assert behavioural_pairs(seed=4, n=24) != pairs[:24]


def test_labels_are_those_asked_for() -> None:
    made = behavioural_pairs(seed=1, n=16, labels=LabelSettings(positive="bad", negative="good"))
    assert {label for pair in made for label in (pair.label_a, pair.label_b)} == {"bad", "good"}
