"""The request page shows what changed against the champion: metrics with intervals, and the texts that flipped."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from homologate.attest import report_predicate
from homologate.scorer import Word
from registry_promotion.story import reach_of, words_of

MODEL = "brakes-compared"
IDS = [f"item-{n}" for n in range(40)]
LABELS = ["non-compliant" if n < 12 else "compliant" for n in range(40)]


@pytest.fixture(scope="module")
def request_id(gated: Any, make_version: Callable[..., str]) -> str:
    """A request for a version that stops two more bad components than the champion, and passes one it had stopped."""
    rows = pd.DataFrame({"id": IDS, "text": [f"The hose of {i} <burst> & leaked." for i in IDS]})
    before = [0.9 if n < 8 else 0.1 for n in range(40)]
    now = [0.9 if n < 10 and n != 3 else 0.1 for n in range(40)]
    gated.promoted(make_version(gated, MODEL, evidence=_judged(before), rows=rows), model=MODEL)
    return str(gated.requested(make_version(gated, MODEL, evidence=_judged(now), rows=rows), model=MODEL))


def _judged(probability: list[float]) -> Callable[[Any], None]:
    def put(bundle: Any) -> None:
        facts = {
            "schema": 1,
            "kind": "evaluation",
            "subject": {"digest": bundle.digest},
            "verdict": "judged for the tests",
            "labels": {"negative": "compliant", "positive": "non-compliant"},
            "served": "fp32",
            "threshold": 0.5,
            "items": {"id": IDS, "group": list(range(40)), "label": LABELS, "probability": {"fp32": probability}},
        }
        reports = {"evaluation/evaluation.json": json.dumps(facts).encode(), "evaluation/evaluation.html": b"<p>judged"}
        bundle.evidence.update(reports)
        predicate = report_predicate(
            verdict="judged for the tests", run_id="run-1", measured_at=datetime.now(UTC), reports=reports
        )
        bundle.sign("evaluation", predicate)

    return put


def test_the_page_shows_each_metric_with_its_interval_and_each_flip_with_its_text(gated: Any, request_id: str) -> None:
    page = gated.ask("bob", "GET", f"/homologate/requests/{request_id}").text
    assert "2 that only this version judges rightly, 1 that only version" in page
    assert 'aria-label="recall: +0.0833, from' in page
    lost = page.partition("Judged wrongly now, rightly by the champion")[2]
    assert lost.index("item-3") < lost.index("Judged rightly now")
    assert "The hose of item-8 &lt;burst&gt; &amp; leaked." in page
    assert "0.90 → 0.10" in page


def test_marked_words_lose_no_character_and_are_tinted_by_their_share() -> None:
    text = "The hose burst at 10 bar."
    words = [Word("hose", 4, 8, 0.4), Word("burst", 9, 14, 1.0), Word("bar", 21, 24, -0.6), Word("at", 15, 17, 0.01)]
    pieces = words_of(text, sorted(words, key=lambda word: word.start))
    assert "".join(piece["text"] for piece in pieces) == text
    assert {piece["text"]: piece["mark"] for piece in pieces if piece["mark"]} == {
        "hose": "for s2",
        "burst": "for s5",
        "bar": "against s3",
    }
    assert words_of("plain", ()) == [{"text": "plain", "mark": ""}]


def test_a_drawing_reaches_as_far_as_the_widest_interval() -> None:
    narrow, wide = {"value": 0.1, "low": 0.0, "high": 0.2}, {"value": -0.1, "low": -0.5, "high": None}
    assert reach_of({"difference": {"a": narrow, "b": wide}}) == 0.5
    assert reach_of(None) > 0
