"""Chance alone alarms as seldom as the settings say, and a test says so whatever the distribution is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homologate.reference import Bags
from serve.monitor import _statistics as statistics
from serve.monitor import threshold_of

ALPHA = 0.05
REPETITIONS = 120
Draw = Callable[[np.random.Generator, int], Any]


@pytest.fixture(autouse=True)
def fewer_permutations(monkeypatch: pytest.MonkeyPatch) -> None:
    """199 permutations keep the level exact and the test short."""
    deals = statistics._deals
    monkeypatch.setattr(statistics, "_deals", lambda old, new, count=199, seed=20: deals(old, new, 199, seed))
    statistics._shared.cache_clear()


def ties(chance: np.random.Generator, count: int) -> Any:
    return chance.integers(0, 4, count).astype(float)


def tails(chance: np.random.Generator, count: int) -> Any:
    return chance.pareto(1.5, count)


def bags(chance: np.random.Generator, count: int) -> Bags:
    """Words come in bursts: half of a text's words are decided by its topic."""
    topics = chance.integers(0, 5, count)
    return Bags.of({*(10 * topic + chance.integers(0, 8, 6)), *chance.integers(50, 90, 6)} for topic in topics)


def points(chance: np.random.Generator, count: int) -> Any:
    return (chance.normal(size=(count, 12)) * np.linspace(1, 4, 12)).astype(np.float16)


def families(old: Any, new: Any) -> tuple[statistics.Outcome, dict[str, float]]:
    names = list(itertools.islice(itertools.cycle(["lamp", "hose", "belt", "seat"]), max(len(old), len(new))))
    return statistics.families_differ(old, new, names[: len(old)], names[: len(new)], 8)


@pytest.mark.parametrize(
    ("test", "draw"),
    [
        (statistics.means_differ, ties),
        (statistics.means_differ, tails),
        (statistics.shapes_differ, ties),
        (statistics.bags_differ, bags),
        (statistics.embeddings_differ, points),
        (lambda old, new: statistics.told_apart(old, new)[0], points),
        (lambda old, new: families(old, new)[0], points),
    ],
    ids=["means, ties", "means, tails", "shapes, ties", "bags in bursts", "embeddings", "classifier", "families"],
)
def test_two_samples_of_one_population_differ_as_often_as_promised(
    test: Callable[..., statistics.Outcome], draw: Draw
) -> None:
    chance = np.random.default_rng(7)
    alarms = sum(test(draw(chance, 90), draw(chance, 60)).p <= ALPHA for _ in range(REPETITIONS))
    # P(more than 14 of 120 at a level of 0.05) is 0.001.
    assert alarms <= 14


@pytest.mark.parametrize("shift", [0.8])
def test_two_samples_of_two_populations_differ(shift: float) -> None:
    chance = np.random.default_rng(7)
    old, new = points(chance, 120), points(chance, 120)
    assert statistics.embeddings_differ(old, new + np.float16(shift)).p <= 0.01
    outcome, newness = statistics.told_apart(old, new + np.float16(shift))
    assert outcome.p <= 0.01
    assert outcome.seen > 0.7
    assert len(newness) == 120
    assert statistics.mixes_differ(["a"] * 90 + ["b"] * 30, ["a"] * 40 + ["b"] * 40 + ["c"] * 20).p <= 0.01


def test_the_family_that_moved_is_named_and_no_other() -> None:
    chance = np.random.default_rng(7)
    old, new = points(chance, 240), points(chance, 240)
    new[1::4] += np.float16(1.5)
    outcome, ps = families(old, new)
    assert outcome.p <= 0.01
    assert {name for name, p in ps.items() if p <= 0.01} == {"hose"}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=14), st.floats(0.001, 0.3))
def test_one_level_says_exactly_what_holms_procedure_rejects(ps: list[float], alpha: float) -> None:
    rejected: set[int] = set()
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        if ps[index] > alpha / (len(ps) - rank):
            break
        rejected.add(index)
    level = threshold_of(ps, alpha)
    assert {index for index, p in enumerate(ps) if p <= level} == rejected


@given(st.lists(st.sets(st.integers(0, 9), min_size=1), min_size=2, max_size=12))
def test_a_divergence_is_nought_between_equals_and_never_above_one_bit(held: list[set[int]]) -> None:
    one = Bags.of(held)
    assert statistics.bags_differ(one, one).seen == pytest.approx(0, abs=1e-9)
    other = Bags.of({item + 10 for item in bag} for bag in held)
    assert statistics.bags_differ(one, other).seen == pytest.approx(1, abs=1e-9)
