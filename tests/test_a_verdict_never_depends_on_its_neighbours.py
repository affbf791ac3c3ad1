"""A verdict never depends on who else is in the batch: int8 exactly, fp32 within 1e-6."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homologate.scorer import Scorer

NEIGHBOURS = st.lists(st.integers(0, 399), min_size=0, max_size=40)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=["fp32", "int8"])
def scorer(request: pytest.FixtureRequest, tiny_model: Path) -> Scorer:
    return Scorer(tiny_model, request.param)


@FEW
@given(asked=st.integers(0, 399), neighbours=NEIGHBOURS, place=st.integers(0, 40))
def test_a_text_answers_the_same_alone_and_among_any_others(
    scorer: Scorer, rows: pd.DataFrame, asked: int, neighbours: list[int], place: int
) -> None:
    texts = rows["text"].tolist()
    batch = [texts[row] for row in neighbours]
    place = min(place, len(batch))
    batch.insert(place, texts[asked])
    alone, among = scorer.probabilities([texts[asked]])[0], scorer.probabilities(batch)[place]
    if scorer.precision == "int8":
        assert among == alone
    else:
        assert among == pytest.approx(alone, abs=1e-6)


@FEW
@given(chosen=NEIGHBOURS)
def test_answers_come_in_the_order_of_the_texts_and_agree_with_the_probabilities(
    scorer: Scorer, rows: pd.DataFrame, chosen: list[int]
) -> None:
    texts = [rows["text"][row] for row in chosen]
    answers, probabilities = scorer.answers(texts), scorer.probabilities(texts)
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (len(texts),)
    assert [answer.probability for answer in answers] == probabilities.tolist()
    for text, answer in zip(texts, answers, strict=True):
        single = scorer.answer(text)
        assert single.probability == pytest.approx(answer.probability, abs=1e-6)
        assert answer.label == scorer.labels[int(answer.probability >= scorer.threshold)]


def test_several_threads_share_one_scorer_and_get_their_own_answers(scorer: Scorer, rows: pd.DataFrame) -> None:
    from concurrent.futures import ThreadPoolExecutor

    texts = rows["text"].tolist()[:60]
    expected = [scorer.answer(text, explain=True) for text in texts]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda text: scorer.answer(text, explain=True), texts)) == expected


def test_a_text_longer_than_the_model_reads_is_cut_and_says_so(scorer: Scorer) -> None:
    cut = scorer.answer("The lamp cracked below the limit. " * 4000, explain=True)
    assert cut.truncated
    assert cut.words[-1].end < 1000
    assert not scorer.answer("The lamp cracked.").truncated
