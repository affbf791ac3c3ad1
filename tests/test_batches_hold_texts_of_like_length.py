"""The plan of batches is a pure function: every row once an epoch, little padding, another order every epoch."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from homologate.classifier._batches import plan, sorted_batches

LENGTHS = st.lists(st.integers(1, 256), min_size=1, max_size=300)


@settings(deadline=None)
@given(lengths=LENGTHS, size=st.integers(1, 32), epochs=st.integers(0, 3), seed=st.integers(0, 99))
def test_every_row_is_seen_once_an_epoch_and_no_batch_is_too_large(
    lengths: list[int], size: int, epochs: int, seed: int
) -> None:
    batches = plan(lengths, size, epochs, seed)
    assert all(1 <= len(batch) <= size for batch in batches)
    seen = np.bincount([row for batch in batches for row in batch], minlength=len(lengths))
    assert (seen == epochs).all()
    assert batches == plan(lengths, size, epochs, seed)


def test_padding_is_a_small_part_of_what_random_batches_would_need() -> None:
    chance = np.random.default_rng(0)
    lengths = chance.integers(10, 200, 1000).tolist()

    def padded(batches: list[list[int]]) -> int:
        return sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)

    order = chance.permutation(1000).tolist()
    random = [order[first : first + 16] for first in range(0, 1000, 16)]
    assert padded(plan(lengths, 16, 1, 0)) - sum(lengths) < 0.1 * (padded(random) - sum(lengths))


def test_batches_come_in_another_order_every_epoch_and_not_by_length() -> None:
    lengths = list(range(1, 201))
    batches = plan(lengths, 10, 2, 0)
    assert batches[:20] != batches[20:]
    heads = [batch[0] for batch in batches[:20]]
    assert heads != sorted(heads)


@given(lengths=LENGTHS, size=st.integers(1, 32))
def test_passes_that_do_not_learn_see_the_shortest_first(lengths: list[int], size: int) -> None:
    order = [row for batch in sorted_batches(lengths, size) for row in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[row] for row in order] == sorted(lengths)
