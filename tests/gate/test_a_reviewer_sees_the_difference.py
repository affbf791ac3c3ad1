"""The request page shows what changed against the champion: metrics with intervals, and the texts that flipped."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from browsing import chromium

from homologate.attest import report_predicate
from homologate.scorer import Word
from registry_promotion.story import reach_of, words_of

MODEL = "brakes-compared"
IDS = [f"item-{n}" for n in range(40)]
LABELS = ["non-compliant" if n < 12 else "compliant" for n in range(40)]


@pytest.fixture(scope="module")
def request_id(
    gated: Any, make_version: Callable[..., str], tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A request for a version that stops two more bad components than the champion, and passes one it had stopped."""
    rows = pd.DataFrame({"id": IDS, "text": [f"The hose of {i} <burst> & leaked." for i in IDS]})
    before = [0.9 if n < 8 else 0.1 for n in range(40)]
    now = [0.9 if n < 10 and n != 3 else 0.1 for n in range(40)]
    first = {"burst": 0.4, "hose": 0.2, "leaked": 0.1}
    gated.promoted(make_version(gated, MODEL, evidence=_judged(before, first), rows=rows), model=MODEL)
    second = {"burst": 0.5, "of": 0.3, "hose": 0.15}
    judged = _judged(now, second)
    directory = tmp_path_factory.mktemp("answers") / "model"  # bytes that truly answer, so that words can be marked
    shutil.copytree(tiny_model, directory)
    (directory / "requirements.txt").write_text("numpy==2.2.6\n")
    return str(
        gated.requested(make_version(gated, MODEL, evidence=judged, rows=rows, directory=directory), model=MODEL)
    )


def _judged(probability: list[float], words: dict[str, float]) -> Callable[[Any], None]:
    def put(bundle: Any) -> None:
        evaluation = {
            "schema": 1,
            "kind": "evaluation",
            "subject": {"digest": bundle.digest},
            "verdict": "judged for the tests",
            "labels": {"negative": "compliant", "positive": "non-compliant"},
            "served": "fp32",
            "threshold": 0.5,
            "items": {"id": IDS, "group": list(range(40)), "label": LABELS, "probability": {"fp32": probability}},
        }
        explanation = {
            **{name: evaluation[name] for name in ("schema", "subject", "verdict")},
            "kind": "explanation",
            "global": {"features": [{"word": word, "importance": weight} for word, weight in words.items()]},
        }
        for kind, facts in (("evaluation", evaluation), ("explanation", explanation)):
            reports = {f"{kind}/{kind}.json": json.dumps(facts).encode(), f"{kind}/{kind}.html": b"<p>judged"}
            bundle.evidence.update(reports)
            now = datetime.now(UTC)
            predicate = report_predicate(verdict="for the tests", run_id="run-1", measured_at=now, reports=reports)
            bundle.sign(kind, predicate)

    return put


def test_the_page_shows_each_metric_with_its_interval_and_each_flip_with_its_text(gated: Any, request_id: str) -> None:
    page = gated.ask("bob", "GET", f"/homologate/requests/{request_id}").text
    assert "2 that only this version judges rightly, 1 that only version" in page
    assert 'aria-label="recall: +0.0833, from' in page
    lost = page.partition("Judged wrongly now, rightly by the champion")[2]
    assert lost.index("item-3") < lost.index("Judged rightly now")
    gained = page.partition("Judged rightly now, wrongly by the champion")[2]
    text = re.sub(r"</?mark[^>]*>", "", re.search(r'item-8.*?<p class="words">(.*?)</p>', gained, re.S).group(1))
    assert text == "The hose of item-8 &lt;burst&gt; &amp; leaked."
    assert "0.90 → 0.10" in page


def test_the_words_that_weigh_in_a_flipped_text_are_marked_by_the_very_bytes(gated: Any, request_id: str) -> None:
    page = gated.ask("bob", "GET", f"/homologate/requests/{request_id}").text
    for item in ("item-3", "item-8", "item-9"):
        words = re.search(rf'{item}</span>.*?<p class="words">(.*?)</p>', page, re.S).group(1)
        assert re.search(r'<mark class="(for|against) s[1-5]">', words), words


def test_the_page_says_which_words_gained_and_lost_weight(gated: Any, request_id: str) -> None:
    page = gated.ask("bob", "GET", f"/homologate/requests/{request_id}").text.partition("and what changed</h2>")[2]
    rows = {
        cells[0]: cells[1:]
        for cells in (re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in page.split("<tr>"))
        if cells
    }
    assert rows["burst"] == ["0.500", "0.400", "+0.100"]
    assert rows["of"] == ["0.300", "—", "new"]
    assert rows["leaked"] == ["—", "0.100", "gone"]


def test_axe_finds_nothing_on_the_whole_page_and_mlflow_links_to_it_and_back(gated: Any, request_id: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    address = f"{gated.url}/homologate/requests/{request_id}"
    with chromium() as browser:
        sign_in = {"username": "bob", "password": "correct horse battery"}  # pragma: allowlist secret
        for width in (1180, 360):
            page = browser.new_context(http_credentials=sign_in, viewport={"width": width, "height": 900}).new_page()
            page.goto(address)
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.get_by_role("link", name="the version in MLflow").click()
        back = page.locator(f"a[href='{address}']").first
        back.wait_for(timeout=90_000)
        page.goto(str(back.get_attribute("href")))
        assert page.title().startswith(f"{MODEL} 2 to Production")


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
