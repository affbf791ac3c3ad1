"""Candidate and champion are compared on the same items, by the tests named, and never passed by construction."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score, precision_score, recall_score

from homologate.errors import DataError
from homologate.evidence import Items, compare_items, mcnemar, paired_bootstrap, read_items

COUNTS = st.integers(0, 60)


@given(gained=COUNTS, lost=COUNTS)
def test_mcnemar_is_the_exact_binomial_test_on_discordant_pairs(gained: int, lost: int) -> None:
    found = mcnemar(gained, lost)
    if gained + lost:
        assert found["exact"] == pytest.approx(binomtest(gained, gained + lost).pvalue)
    assert 0 <= found["mid_p"] <= found["exact"] <= 1
    assert found["worse"] + mcnemar(lost, gained)["worse"] == pytest.approx(1)


def test_mid_p_agrees_with_published_figures() -> None:
    # Fagerland, Lydersen & Laake 2013, table 1: airway hyper-responsiveness, 1 against 7 discordant pairs.
    found = mcnemar(1, 7)
    assert (round(found["exact"], 3), round(found["mid_p"], 3)) == (0.070, 0.039)


def test_nothing_discordant_is_no_difference_and_no_proof() -> None:
    assert mcnemar(0, 0) == {"gained": 0, "lost": 0, "exact": 1.0, "mid_p": 1.0, "worse": 0.5}


@pytest.fixture
def two() -> tuple[Items, Items]:
    generator = np.random.default_rng(7)
    n = 300
    positive = generator.random(n) < 0.3
    ids, groups = np.array([f"i{k}" for k in range(n)]), np.arange(n) // 3

    def model(noise: float) -> Items:
        p = np.clip(np.where(positive, 0.7, 0.3) + generator.normal(0, noise, n), 0, 1)
        return Items(ids, groups, positive, np.round(p, 2), 0.5)

    return model(0.15), model(0.3)


def test_metric_differences_are_scikit_learns(two: tuple[Items, Items]) -> None:
    ours, theirs = two
    found = paired_bootstrap(ours, theirs)
    for name, metric in (("recall", recall_score), ("precision", precision_score)):
        wanted = metric(ours.positive, ours.stopped) - metric(theirs.positive, theirs.stopped)
        assert found[name]["value"] == pytest.approx(wanted)
    wanted = average_precision_score(ours.positive, ours.probability) - average_precision_score(
        theirs.positive, theirs.probability
    )
    assert found["average_precision"]["value"] == pytest.approx(wanted)
    assert all(one["low"] <= one["value"] <= one["high"] for one in found.values())


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says() -> None:
    generator, covered, rounds = np.random.default_rng(3), 0, 120
    ids, n = np.array([f"i{k}" for k in range(200)]), 200
    for _ in range(rounds):
        positive = np.ones(n, bool)
        models = [
            Items(ids, np.arange(n), positive, (generator.random(n) < rate).astype(float), 0.5) for rate in (0.8, 0.7)
        ]
        found = paired_bootstrap(*models, replicates=200)["recall"]
        covered += found["low"] <= 0.1 <= found["high"]
    assert 0.88 <= covered / rounds <= 1.0


def test_near_duplicates_count_as_one_observation(two: tuple[Items, Items]) -> None:
    ours, theirs = two

    def tenfold(items: Items) -> Items:
        ids = np.array([f"{one}-{copy}" for one in items.ids for copy in range(10)])
        spread = [np.repeat(values, 10) for values in (items.groups, items.positive, items.probability)]
        return Items(ids, *spread, items.threshold)  # type: ignore[arg-type]

    once, ten = paired_bootstrap(ours, theirs), paired_bootstrap(tenfold(ours), tenfold(theirs))
    for bound in ("low", "value", "high"):
        assert ten["accuracy"][bound] == pytest.approx(once["accuracy"][bound])


def test_the_same_model_differs_from_itself_in_nothing(two: tuple[Items, Items]) -> None:
    found = compare_items(two[0], two[0])
    assert found["flips"] == {"gained": [], "lost": []}
    assert set(found["difference"]["accuracy"].values()) == {0.0}


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 100))
def test_the_order_of_items_does_not_matter_and_sides_mirror(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = 40
    ids, positive = np.array([f"i{k}" for k in range(n)]), generator.random(n) < 0.5
    one, other = (Items(ids, np.arange(n), positive, generator.random(n), 0.5) for _ in range(2))
    order = generator.permutation(n)
    mixed = Items(other.ids[order], other.groups[order], other.positive[order], other.probability[order], 0.5)
    assert compare_items(one, mixed) == compare_items(one, other)
    forth, back = compare_items(one, other), compare_items(other, one)
    assert forth["flips"]["gained"] == back["flips"]["lost"]
    assert forth["difference"]["accuracy"]["value"] == pytest.approx(-back["difference"]["accuracy"]["value"])


def test_a_metric_without_a_case_is_none_and_never_a_number(two: tuple[Items, Items]) -> None:
    ours, theirs = two
    nothing = np.zeros_like(ours.positive)
    found = paired_bootstrap(
        Items(ours.ids, ours.groups, nothing, ours.probability, 0.5),
        Items(theirs.ids, theirs.groups, nothing, theirs.probability, 0.5),
    )
    assert found["recall"] == {"value": None, "low": None, "high": None}


def test_other_labels_for_the_same_items_are_refused(two: tuple[Items, Items]) -> None:
    ours, theirs = two
    flipped = theirs.positive.copy()
    flipped[5] = ~flipped[5]
    with pytest.raises(DataError, match="item 'i5' has two different labels"):
        compare_items(ours, Items(theirs.ids, theirs.groups, flipped, theirs.probability, 0.5))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda e: e["items"]["id"].pop(), "items of lengths"),
        (lambda e: e["items"]["id"].__setitem__(0, "item-1"), "an item's id comes twice"),
        (lambda e: e["items"]["probability"]["fp32"].__setitem__(0, 1.5), "not between 0 and 1"),
        (lambda e: e["items"]["probability"]["fp32"].__setitem__(0, float("nan")), "not between 0 and 1"),
        (lambda e: e.__setitem__("served", "int8"), "hold no items"),
        (lambda e: e.__setitem__("threshold", "high"), "hold no items"),
    ],
)
def test_items_that_are_not_items_are_refused(evidence: Any, spoil: Any, why: str) -> None:
    facts = copy.deepcopy(dict(evidence.facts["evaluation"]))
    spoil(facts)
    with pytest.raises(DataError, match=why):
        read_items(facts)
