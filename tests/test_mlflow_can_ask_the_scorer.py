"""Whatever MLflow's server parses out of a request, the pyfunc door finds the texts in it."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from homologate.scorer import InputFault, Scorer
from homologate.scorer.pyfunc import ScorerModel, _load_pyfunc

TEXTS = ["The lamp cracked below the limit at 61 units.", "The hose held above the limit at 120 units."]


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> ScorerModel:
    return _load_pyfunc(str(tiny_model))


@pytest.mark.parametrize(
    "given",
    [
        TEXTS,
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object).reshape(-1, 1),
        pd.Series(TEXTS),
        pd.DataFrame({"text": TEXTS}),
        pd.DataFrame({"id": [1, 2], "text": TEXTS}),
        pd.DataFrame({0: TEXTS}),
        {"text": TEXTS},
        {"text": np.array(TEXTS)},
        [{"text": text} for text in TEXTS],
    ],
    ids=lambda given: type(given).__name__,
)
def test_every_shape_of_input_gives_the_same_answers_in_order(model: ScorerModel, tiny_model: Path, given: Any) -> None:
    records = model.predict(given)
    expected = [Scorer(tiny_model).answer(text) for text in TEXTS]
    assert [record["label"] for record in records] == [answer.label for answer in expected]
    for record, answer in zip(records, expected, strict=True):
        assert record["probability"] == pytest.approx(answer.probability, abs=1e-6)
        assert set(record) == {"label", "probability", "threshold", "truncated"}


def test_one_text_alone_is_one_answer(model: ScorerModel) -> None:
    assert len(model.predict(TEXTS[0])) == 1


def test_words_come_when_asked_for_and_the_answer_is_plain_json(model: ScorerModel) -> None:
    record = json.loads(json.dumps(model.predict(TEXTS[:1], {"explain": True})))[0]
    assert record["words"][0] == {
        "text": "The",
        "start": 0,
        "end": 3,
        "contribution": record["words"][0]["contribution"],
    }
    logit = record["bias"] + record["remainder"] + sum(word["contribution"] for word in record["words"])
    assert 1 / (1 + np.exp(-logit)) == pytest.approx(record["probability"], abs=1e-5)


def test_precision_can_be_chosen_by_request_and_an_empty_one_means_the_models_own(
    model: ScorerModel, tiny_model: Path
) -> None:
    int8 = Scorer(tiny_model, "int8").answer(TEXTS[0]).probability
    assert model.predict(TEXTS[:1], {"precision": "int8"})[0]["probability"] == int8
    assert model.predict(TEXTS, {"precision": ""}) == model.predict(TEXTS)


@pytest.mark.parametrize(
    ("given", "params", "said"),
    [
        (TEXTS, {"precision": "fp16"}, "no precision 'fp16'"),
        (TEXTS, {"explian": True}, "no parameter 'explian'"),
        (pd.DataFrame({"a": TEXTS, "b": TEXTS}), None, "no column 'text'"),
        (pd.DataFrame({"text": [TEXTS[0], None]}), None, "None is no text"),
        ([1, 2], None, "1 is no text, it is int"),
    ],
)
def test_what_cannot_be_asked_is_named(model: ScorerModel, given: Any, params: Any, said: str) -> None:
    with pytest.raises(InputFault, match=said):
        model.predict(given, params)


def test_no_more_requests_work_at_once_than_there_are_cores(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    model = _load_pyfunc(str(tiny_model))
    at_once, most, lock = 0, 0, threading.Lock()
    answers = Scorer.answers

    def counted(self: Scorer, texts: Any, explain: bool = False) -> Any:
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        try:
            return answers(self, texts, explain)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(Scorer, "answers", counted)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: model.predict(TEXTS * 20), range(12)))
    assert most <= 2
