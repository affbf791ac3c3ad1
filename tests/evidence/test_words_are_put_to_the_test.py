"""True explanations pass, false ones fail, and the true cause is found only by a model that knows it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from homologate.errors import UsageError
from homologate.evidence import explain_scorer
from homologate.evidence._drivers import forbidden
from homologate.scorer import Answer, Word
from homologate.settings import DataSettings, ExplanationSettings, Settings

DIGEST = "sha256:" + "1" * 64
SETTINGS = Settings(data=DataSettings(source="rows.csv"), explanation=ExplanationSettings(faithfulness_texts=24))


def test_a_model_that_rests_on_the_cause_points_at_it(explanation: dict[str, Any]) -> None:
    pointing = explanation["pointing"]["all"]
    assert pointing["first"]["low"] > 0.9 > 0.2 > pointing["chance"]
    assert pointing["median_rank"] == 1
    assert pointing["share"]["value"] == pytest.approx(1.0)


def test_pointing_collapses_for_a_model_that_learnt_nothing(make_rows, make_scorer) -> None:
    """What a model trained on shuffled labels has learnt: some weight for every word, none of it for a reason."""
    frame = make_rows(240)
    words = sorted({word for text in frame["text"] for word in re.findall(r"\w+", text.lower())})
    generator = np.random.default_rng(4)
    scorer = make_scorer(dict(zip(words, generator.normal(size=len(words)), strict=True)))
    found = explain_scorer(scorer, frame, SETTINGS, digest=DIGEST)
    assert found["pointing"]["all"]["first"]["value"] < 0.5
    assert found["pointing"]["all"]["share"]["value"] < 0.4


def test_shown_words_that_decide_beat_random_words(explanation: dict[str, Any]) -> None:
    tested = explanation["faithfulness"]
    assert tested["gain"]["deletion"]["low"] > 0
    assert tested["gain"]["insertion"]["low"] > 0
    assert tested["share_of_occlusion"]["value"] == pytest.approx(1.0, abs=1e-3)
    assert not [entry for entry in explanation["cautions"] if entry["id"] == "unfaithful"]


def test_shown_words_that_do_not_decide_are_called_unfaithful(make_rows, make_scorer, good_weights) -> None:
    class Liar(make_scorer):
        """Decides by the cause, but shows every share with the other sign."""

        def _answer(self, text: str, explain: bool) -> Answer:
            answer = super()._answer(text, explain)
            words = tuple(Word(word.text, word.start, word.end, -word.contribution) for word in answer.words)
            return Answer(answer.label, answer.probability, 0.5, False, answer.logit, answer.bias, 0.0, words)

    found = explain_scorer(Liar(good_weights, bias=-0.5), make_rows(160), SETTINGS, digest=DIGEST)
    assert found["agreement"]["rank_correlation"]["high"] < 0
    assert found["faithfulness"]["gain"]["deletion"]["high"] < 0
    assert found["verdict"].startswith("The shown words decide no more than random words do")
    assert ("unfaithful", "stop") in {(entry["id"], entry["level"]) for entry in found["cautions"]}


def test_two_methods_agree_where_shares_are_exact(explanation: dict[str, Any]) -> None:
    assert explanation["agreement"]["rank_correlation"]["value"] > 0.99
    assert explanation["stability"]["lower_case"]["top_one"]["value"] == 1.0


def test_the_surrogate_states_a_fidelity_and_its_strongest_words_are_the_causes(explanation: dict[str, Any]) -> None:
    found = explanation["global"]
    assert found["fidelity"]["r2"]["low"] > 0.9
    assert found["fidelity"]["agreement"]["value"] > found["fidelity"]["agreement_of_a_constant"]
    causes = {"cracked", "leaked", "tore", "fell", "held", "stayed", "shone", "passed"}
    assert all(causes & set(one["word"].split()) or one["coefficient"] for one in found["features"][:8])
    signs = {one["word"]: one["coefficient"] > 0 for one in found["features"]}
    assert {signs[word] for word in causes & set(signs) & {"held", "stayed", "shone", "passed"}} <= {False}
    assert {signs[word] for word in causes & set(signs) & {"cracked", "leaked", "tore", "fell"}} <= {True}


def test_a_surrogate_of_what_no_word_shows_says_that_it_fails(make_rows, make_scorer) -> None:
    class ByNumber(make_scorer):
        """Decides by the last digit of a number, which no word stands for."""

        def _answer(self, text: str, explain: bool) -> Answer:
            digit = int(re.search(r"number \d*(\d)", text + " number 5").group(1))
            answer = super()._answer(text, explain)
            p = 0.95 if digit % 2 else 0.05
            return Answer(self.labels[p >= 0.5], p, 0.5, False, 0.0, 0.0, 0.0, answer.words)

    found = explain_scorer(ByNumber({}), make_rows(240), SETTINGS, digest=DIGEST)
    assert found["global"]["fidelity"]["r2"]["value"] < 0.3
    assert "fidelity" in {entry["id"] for entry in found["cautions"]}


def test_a_maker_that_decides_is_found_among_the_drivers(make_rows, make_scorer, good_weights) -> None:
    frame = make_rows(240)
    frame["text"] = frame["manufacturer"] + " reports: " + frame["text"]
    frame[["cause_start", "cause_end"]] = -1
    scorer = make_scorer({**good_weights, "bellwether": 9.0})
    found = explain_scorer(scorer, frame, SETTINGS, digest=DIGEST)
    maker = next(one for one in found["drivers"]["drivers"] if one["name"] == "@manufacturer")
    assert "bellwether" in maker["among_top"]
    assert maker["flips"]["value"] > 0.1
    assert found["drivers"]["found"] == ["@manufacturer"]
    assert any(entry["level"] == "stop" and "bellwether" in entry["text"] for entry in found["cautions"])
    assert found["pointing"]["not_measured"]


def test_an_ordinary_word_of_a_maker_is_not_forbidden_but_its_own_word_is(make_rows) -> None:
    frame = make_rows(240)
    frame["text"] = frame["manufacturer"] + " fits wiper motors. " + frame["text"]
    (driver,) = forbidden(["@manufacturer"], frame)
    assert {"corvid motors", "corvid"} <= set(driver.phrases)
    assert "motors" not in driver.phrases
    assert driver.found_in("the wiper motors of a CORVID Motors car") == [(22, 35)]


def test_a_driver_of_an_unknown_column_names_the_legal_ones(make_rows) -> None:
    with pytest.raises(UsageError) as raised:
        forbidden(["@colour"], make_rows(80))
    assert "no column 'colour' to forbid" in str(raised.value)
    assert "@manufacturer" in str(raised.value)
