"""Every page is self-contained, follows from its facts alone, and passes axe in a real browser, in every light."""

from __future__ import annotations

import copy
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from homologate.errors import DataError
from homologate.evidence import cards, render
from homologate.evidence._pages import KINDS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
}


@pytest.fixture(scope="module")
def parity() -> dict[str, Any]:
    flip = {"id": "row-7", "text": "The hose <b>burst</b>.", "torch": 0.49, "answered": 0.52, "from": "compliant"}
    same = {"max_difference": 2e-7, "mean_difference": 1e-8, "label_agreement": 1.0, "flips": []}
    return {
        "schema": 1,
        "kind": "parity",
        "subject": {"digest": "sha256:" + "0" * 64},
        "verdict": "210 test texts: fp32 differs by at most 2.0e-07 and flips 0; int8 by at most 0.030 and flips 1.",
        "passed": False,
        "checks": {"fp32 flips no verdict": True, "int8 agrees on 99% of labels": False},
        "texts": 210,
        "threshold": 0.5,
        "fp32": same,
        "int8": {**same, "max_difference": 0.03, "flips": [flip | {"to": "non-compliant"}]},
        "shapes": {
            "batch_sizes": [1, 2, 33],
            "lengths": [1, 2, 256],
            "max_difference_by_batch_size": {"1": 1e-7, "2": 1e-7, "33": 2e-7},
            "max_difference": 2e-7,
        },
        "tokens": {"compared": 210, "differences": []},
    }


@pytest.fixture(scope="module")
def drift() -> dict[str, Any]:
    from serve.monitor import Cause, Family, Finding, NewWord, Signal

    day = datetime(2026, 3, 1, tzinfo=UTC)
    told = {"id": "p1", "text": "The <b>ferrule</b> tore.", "component": "brake hose", "label": "non-compliant"}
    old = {**told, "id": "syn-7", "text": "The hose tore.", "probability": 0.31, "label": "compliant"}
    near = {**told, "probability": 0.77, "alike": 0.93, "old": old}
    finding = Finding(
        model="brakes", version="3", digest="sha256:" + "0" * 64, start=day, end=day + timedelta(days=1), records=812,
        fingerprint="812-00", verdict="drift", sentence="Drift: unknown words; new words: ferrule.", run_id="r1",
        signals=(
            Signal("unknown_words", "Unknown words", "drift", "0.4 % → 6.0 %", 0.056, 0.002, 0.01, 0.0005),
            Signal("length", "Length", "no drift", "25 → 25", 0.04, 0.05, 0.13, 0.73),
            Signal("calibration", "Calibration", "cannot tell", "0 labelled texts in the window, 50 are needed"),
        ),
        families=(
            Family("brake hose", 80, 0.1, 0.09, 0.4, 0.3, 0.06, 0.0005, True),
            Family("charger", 20, 0.02, 0.0, 0.4, None, None, None, False),
        ),
        new_words=(NewWord("ferrule", 44, 0.05),),
        cause=Cause(("unknown_words",), ("brake hose",), ("ferrule",), day),
        notes=(("duplicate", "3 times: the same prediction stands in the store more than once"),),
    )  # fmt: skip
    return {
        **finding.as_json(),
        "window": "2026-03-01",
        "period": "day",
        "examples": {"new_words": [{**near, "word": "ferrule", "texts": 44}], "newest": [near], "moved": [near]},
        "history": [{"start": day.isoformat(), "outcome": "no drift", "records": 700, "signals": []}],
    }


@pytest.fixture(scope="module")
def shadow() -> dict[str, Any]:
    differs = {
        "champion": {"label": "compliant", "probability": 0.41},
        "shadow": {"label": "non-compliant", "probability": 0.53},
    }
    return {
        "schema": 1,
        "kind": "shadow",
        "subject": {"digest": "sha256:" + "0" * 64},
        "verdict": "Gave the verdict of version 3 on 985 of 1,000 real requests.",
        "champion": {"version": "3", "digest": "sha256:" + "1" * 64},
        "since": "2026-03-01T08:00:00Z",
        "until": "2026-03-02T08:00:00Z",
        "answers": 1000,
        "agreement": {"value": 0.985, "low": 0.975, "high": 0.991},
        "latency_ms": {"p50": 11.2, "p95": 24.8, "p99": 41.0},
        "disagreements": [{"prediction_id": "01J-<7>", **differs}] * 101,
    }


@pytest.fixture(scope="module")
def trace() -> dict[str, Any]:
    digest, at = "sha256:" + "0" * 64, "2026-03-01T12:00:00Z"
    rule = {
        "id": "recall",
        "sentence": "Stops enough.",
        "status": "met",
        "value": "71%",
        "limit": "at least 65%",
        "reason": "",
    }
    return {
        "schema": 1,
        "kind": "trace",
        "subject": {"digest": digest},
        "verdict": "parts version 7 is in Production since 1 March, by rita; made by ann.",
        "model": "parts",
        "version": "7",
        "bytes": {"recomputed": digest, "ledger": "sha256:" + "1" * 64, "size": 9},
        "commit": {"commit": "a" * 40, "dirty": True},
        "data": {"fingerprint": "sha256:" + "d" * 64, "run_id": "run-0"},
        "runs": [
            {"role": "run", "run_id": "f" * 32, "step": "export", "by": "ann", "started_at": at, "finished_at": None}
        ],
        "made_by": ["ann"],
        "verification": {
            "ok": False,
            "checks": [{"id": "digest", "status": "not_met", "sentence": "Changed <bytes>."}],
        },
        "reports": [{"kind": "evaluation", "verdict": "Stops 58 of 60.", "measured_at": at}],
        "files": {"evaluation/evaluation.json": "sha256:" + "e" * 64},
        "requests": [
            {
                "request": "12",
                "stage": "Production",
                "by": "rita",
                "at": at,
                "reason": "better",
                "policy": {"name": "production", "digest": "sha256:" + "9" * 64},
                "demonstration": False,
                "champion": None,
                "verdict": "The evidence holds.",
                "rules": [rule],
                "answers": [{"by": "bob", "at": at, "answer": "approved", "comment": "<b>read</b>", "signed": True}],
            }
        ],
        "events": [{"seq": 12, "says": "Version 7 asked", "at": at, "by": "rita", "reason": "better", "request": "12"}],
        "deployments": [
            {
                "stage": "Production",
                "since": at,
                "until": None,
                "by": "rita",
                "how": "break_glass",
                "request": "",
                "demonstration": True,
            }
        ],
        "ledger": {"head": "b" * 64, "rows": 40},
        "prediction": {
            "id": "0198",
            "time": at,
            "label": "non-compliant",
            "probability": 0.91,
            "threshold": 0.4,
            "text": "The hose <burst>.",
            "text_sha256": "sha256:" + "7" * 64,
            "words": [{"word": "burst", "contribution": 1.2}, {"word": None, "contribution": -0.2}],
            "digest": digest,
            "same_bytes": True,
            "role": "champion",
            "in_production": {"version": "7", "since": at, "by": "rita"},
        },
    }


@pytest.fixture(scope="module")
def everything(
    evaluation: dict[str, Any],
    explanation: dict[str, Any],
    parity: dict[str, Any],
    shadow: dict[str, Any],
    comparison: dict[str, Any],
    trace: dict[str, Any],
    drift: dict[str, Any],
) -> dict[str, dict[str, Any]]:
    made = cards(evaluation, explanation, parity, comparison=comparison)
    measured = (evaluation, explanation, parity, shadow, comparison, trace, drift)
    return {**{facts["kind"]: facts for facts in measured}, **made}


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_asks_for_nothing_outside_itself_and_needs_no_script(
    kind: str, everything: dict[str, dict[str, Any]]
) -> None:
    page = render(everything[kind])
    assert "<script" not in page
    assert not re.search(r"""(src|href)=["'](?!#)""", page)
    assert not re.search(r"url\(|@import|https?://", page)


@pytest.mark.parametrize("kind", KINDS)
def test_the_verdict_is_the_first_heading(kind: str, everything: dict[str, dict[str, Any]]) -> None:
    page = render(everything[kind])
    assert re.findall(r"<h1>(.*?)</h1>", page) == [_escaped(everything[kind]["verdict"])]


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing_and_nothing_overflows(
    kind: str, view: str, everything: dict[str, dict[str, Any]], browser: Browser, tmp_path: Path
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    file = tmp_path / f"{kind}.html"
    file.write_text(render(everything[kind]), encoding="utf-8")
    page = browser.new_page(**VIEWS[view])
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= VIEWS[view]["viewport"]["width"]
    assert asked == [file.as_uri()]
    page.close()


def test_every_chart_is_named_and_explained_in_a_sentence(everything: dict[str, dict[str, Any]]) -> None:
    for kind in ("evaluation", "explanation"):
        page = render(everything[kind])
        charts = re.findall(r'<svg class="chart".*?</svg>', page, flags=re.S)
        assert charts
        assert all("<title" in chart and "<desc" in chart for chart in charts)
        for figure in re.findall(r"<figure>.*?</figure>", page, flags=re.S):
            caption = re.search(r"<figcaption>(.*?)</figcaption>", figure, flags=re.S)
            assert caption
            assert caption.group(1).strip().endswith(".")


def test_a_text_that_looks_like_markup_is_shown_not_obeyed(everything: dict[str, dict[str, Any]]) -> None:
    assert "The hose &lt;b&gt;burst&lt;/b&gt;." in render(everything["parity"])
    facts = copy.deepcopy(everything["evaluation"])
    facts["worst"]["missed"][0] |= {"text": "<img onerror=x>", "words": [[0, 4, 1.0], [5, 12, -0.5]], "cause": [1, 9]}
    page = render(facts)
    assert "<img" not in page
    assert re.sub(r"<.*?>", "", page).count("&lt;img onerror=x") >= 1


def test_the_same_facts_give_the_same_bytes(everything: dict[str, dict[str, Any]]) -> None:
    facts = everything["explanation"]
    assert render(facts) == render(copy.deepcopy(facts))


def test_highlighting_loses_no_character_of_the_text(everything: dict[str, dict[str, Any]]) -> None:
    from html import unescape

    from homologate.evidence._pages._format import highlighted

    for examples in everything["explanation"]["examples"].values():
        for example in examples:
            assert unescape(re.sub(r"<.*?>", "", str(highlighted(example)))) == example["text"]


def test_cards_repeat_the_facts_and_admit_what_was_not_measured(everything: dict[str, dict[str, Any]]) -> None:
    card, page = everything["model-card"], everything["responsible-ai"]
    assert card["evaluation"]["metrics"] == everything["evaluation"]["metrics"]
    assert [principle["name"] for principle in page["principles"]] == [
        "Fairness", "Inclusiveness", "Reliability and safety", "Transparency", "Privacy and security", "Accountability",
    ]  # fmt: skip
    answers = [answer for principle in page["principles"] for answer in principle["answers"]]
    assert {answer["answer"] for answer in answers if not answer["measured"]} == {"not measured"}
    assert "not measured" in render(page)
    alone = cards(everything["evaluation"])["responsible-ai"]
    transparency = next(one for one in alone["principles"] if one["name"] == "Transparency")
    assert not any(answer["measured"] for answer in transparency["answers"])


def test_cards_of_different_bytes_are_refused(everything: dict[str, dict[str, Any]]) -> None:
    other = {**everything["explanation"], "subject": {"digest": "sha256:" + "f" * 64}}
    with pytest.raises(DataError, match="about different bytes") as raised:
        cards(everything["evaluation"], other)
    assert "f" * 64 in str(raised.value)


def test_facts_of_an_unknown_kind_or_another_schema_or_cut_short_are_refused(
    everything: dict[str, dict[str, Any]],
) -> None:
    with pytest.raises(DataError, match="kind 'horoscope'") as raised:
        render({"kind": "horoscope"})
    assert "evaluation, explanation, parity" in str(raised.value)
    with pytest.raises(DataError, match="of schema 0"):
        render({**everything["evaluation"], "schema": 0})
    cut = {name: value for name, value in everything["evaluation"].items() if name != "slices"}
    with pytest.raises(DataError, match="incomplete"):
        render(cut)


def _escaped(text: str) -> str:
    from markupsafe import escape

    return str(escape(text))


def test_what_is_folded_on_a_screen_is_printed_open(everything: dict[str, dict[str, Any]], browser: Browser) -> None:
    page = browser.new_page()
    page.set_content(render(everything["evaluation"]))
    table = page.locator("details table").first
    assert not table.is_visible()
    page.emulate_media(media="print")
    box = table.bounding_box()
    assert box is not None
    assert box["height"] > 50
    page.close()


def test_a_finding_that_says_stop_stands_under_the_headline(everything: dict[str, dict[str, Any]]) -> None:
    facts = copy.deepcopy(everything["evaluation"])
    facts["verdict"] = "Catches 9 of 10. Stop: Every test text is answered compliant: the model decides nothing."
    page = render(facts)
    assert "<h1>Catches 9 of 10.</h1>" in page
    assert '<p class="halt"><b>Stop</b> Every test text is answered compliant' in page
