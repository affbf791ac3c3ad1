"""Nothing of a verdict is lost on the way to its words: bias + remainder + the words' shares are the logit."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homologate.scorer import Scorer
from homologate.scorer._words import merge


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_shares_of_all_words_add_up_to_the_logit_and_the_logit_is_the_probability(
    tiny_model: Path, rows: pd.DataFrame, precision: str
) -> None:
    scorer = Scorer(tiny_model, precision)
    for text in rows["text"][:50]:
        answer = scorer.answer(text, explain=True)
        assert answer.remainder is not None
        carried = answer.bias + answer.remainder + sum(word.contribution for word in answer.words)
        assert carried == pytest.approx(answer.logit, abs=1e-9)
        assert 1 / (1 + math.exp(-answer.logit)) == pytest.approx(answer.probability, abs=1e-5)


def test_explaining_an_answer_does_not_change_it(tiny_model: Path, rows: pd.DataFrame) -> None:
    scorer = Scorer(tiny_model)
    for text in rows["text"][:20]:
        plain, explained = scorer.answer(text), scorer.answer(text, explain=True)
        assert (plain.label, plain.probability, plain.logit) == (
            explained.label,
            explained.probability,
            explained.logit,
        )
        assert plain.words == ()
        assert plain.remainder is None


@settings(deadline=None)
@given(st.text(min_size=1, max_size=80))
def test_words_are_pieces_of_the_text_in_order_and_do_not_overlap(text: str) -> None:
    offsets = [(place, place + 1) for place in range(len(text))]
    words, remainder = merge(text, [(0, 0), *offsets], [0.5, *(0.25 for _ in text)])
    assert all(text[word.start : word.end] == word.text for word in words)
    assert all(before.end <= after.start for before, after in pairwise(words))
    assert remainder + sum(word.contribution for word in words) == pytest.approx(0.5 + 0.25 * len(text))


def test_pieces_of_a_number_or_a_hyphenated_word_are_one_word_and_punctuation_is_its_own() -> None:
    text = "Low-beam lamp, 12.5 cd"
    tokens = ["Low", "-", "beam", "lamp", ",", "12", ".", "5", "cd"]
    offsets, at = [], 0
    for token in tokens:
        at = text.index(token, at)
        offsets.append((at, at + len(token)))
        at += len(token)
    words, remainder = merge(text, offsets, [1.0] * len(tokens))
    assert [(word.text, word.contribution) for word in words] == [
        ("Low-beam", 3.0),
        ("lamp", 1.0),
        (",", 1.0),
        ("12.5", 3.0),
        ("cd", 1.0),
    ]
    assert remainder == 0


def test_a_token_that_carries_the_space_before_its_word_belongs_to_that_word() -> None:
    words, _ = merge("lamp fails", [(0, 4), (4, 10)], [1.0, 2.0])
    assert [(word.text, word.contribution) for word in words] == [("lamp", 1.0), ("fails", 2.0)]
