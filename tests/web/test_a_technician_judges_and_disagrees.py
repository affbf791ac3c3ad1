"""From a description to a verdict that can be read, printed, traced and disputed, with and without a browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from waiting import until

from homologate.attest import digest_of
from homologate.scorer import Scorer

from .conftest import BAD, GOOD, Shop, disputed, kept, plain, prediction

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "light"},
    "dark telephone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark", "reduced_motion": "reduce"},
}
SMALL = """[...document.querySelectorAll('a, button, input:not([type=hidden]), textarea')]
    .filter(one => !one.closest('p') && !one.matches('.skip') && one.offsetParent)
    .filter(one => { const box = one.getBoundingClientRect(); return box.height < 44 || box.width < 44 })
    .map(one => one.outerHTML)"""


@pytest.mark.parametrize("view", VIEWS)
def test_the_walk_in_a_browser_judge_read_disagree_label(shop: Shop, browser: Browser, view: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_context(**VIEWS[view]).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))

    def looked() -> None:
        found = Axe().run(page)
        assert found.violations_count == 0, f"{page.url}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= VIEWS[view]["viewport"]["width"], page.url
        assert page.evaluate(SMALL) == [], page.url

    name = {"light": "line-3", "dark telephone": "line-4"}[view]
    text = f"The seat from lot {list(VIEWS).index(view) + 20} cracked below the limit at 61 units."
    page.goto(shop.web.url)
    looked()
    page.get_by_label("Your key").fill(shop.keys[name])
    page.keyboard.press("Enter")
    page.wait_for_url(f"{shop.web.url}/")
    looked()
    page.keyboard.type(text)  # the field has the focus
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("article.verdict")
    looked()
    _the_verdict_is_whole(page, shop, text)
    identity = page.locator("dd.digest").first.inner_text()
    page.get_by_label("What you saw").fill("measured again: 104 units")

    def disagreed() -> bool:
        page.get_by_role("button", name="No, it is compliant").click()
        page.wait_for_load_state()
        return page.locator("#disagree .notice.done").count() == 1

    until(disagreed, 10, "kept record")
    assert "A second person reviews it" in page.inner_text("#disagree")
    looked()
    (said,) = [one for one in kept(shop) if one.prediction_id == identity]
    assert (said.by, said.label, said.kind, said.review) == (f"key:{name}", "compliant", "correction", None)
    assert said.note == "measured again: 104 units"

    asked = httpx.post(f"{shop.server.url}/v1/score", json={"text": f"quantum {text}"}, headers=key(shop, name))
    wanted = asked.json()["prediction_id"]
    entry = page.locator("ol.queue > li").filter(has_text=f"quantum {text}")
    until(lambda: page.goto(f"{shop.web.url}/queue") and entry.count(), 10, "text in the queue")
    assert "new to the version" in entry.inner_text()
    looked()
    entry.get_by_role("button", name="non-compliant").click()
    page.wait_for_selector("[role=status]")
    assert entry.count() == 0, "what is labelled leaves the list"
    (said,) = [one for one in kept(shop) if one.prediction_id == wanted]
    assert (said.by, said.label, said.review) == (f"key:{name}", "non-compliant", None)
    page.get_by_role("link", name="Lately").click()
    assert text in page.inner_text("ol.lately")
    looked()
    assert [one for one in complaints if "404" not in one] == []
    page.context.close()


def _the_verdict_is_whole(page: Page, shop: Shop, text: str) -> None:
    """Word, shape, how sure with the line, words with their direction, who says so, what to do next."""
    assert page.inner_text("h1") == "non-compliant"
    assert page.title().startswith("non-compliant, ")
    assert page.locator(".verdict svg.shape polygon").count() == 1, "the shape says it without colour"
    answer = Scorer(Path(shop.settings.home) / "model").answer(text, explain=True)
    bar = page.get_by_role("img").get_attribute("aria-label")
    told = f"over 99 %|{answer.probability * 100:.0f} %"
    assert re.fullmatch(rf"non-compliant at ({told}); the line is at .*", bar)
    assert "this version says so from" in page.inner_text(".verdict .plain")
    assert "Do not fit it" in page.inner_text(".verdict .next")
    assert page.inner_text("p.text") == text
    strongest = max(answer.words, key=lambda word: abs(word.contribution))
    assert strongest.text in page.locator("p.text mark").all_inner_texts()
    listed = page.locator("ol.strongest li").first.inner_text()
    side = "non-compliant" if strongest.contribution > 0 else "compliant"
    assert listed == f"{strongest.text} speaks strongly for {side}"
    source = page.inner_text("section[aria-labelledby=source]")
    assert f"shop version {shop.version}" in source
    assert digest_of(Path(shop.settings.home) / "model") in source


def key(shop: Shop, name: str) -> dict[str, str]:
    return {"X-API-Key": shop.keys[name]}


def test_everything_works_without_a_script_and_reading_again_asks_nothing_again(shop: Shop, browser: Browser) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(f"{shop.web.url}/queue")
    page.get_by_label("Your key").fill(shop.keys["line-3"])
    page.get_by_role("button", name="Sign in").click()
    assert page.url == f"{shop.web.url}/queue", "where one wanted to go"
    page.get_by_role("link", name="Judge", exact=True).click()
    page.get_by_role("link", name="Put an example in").click()
    page.get_by_role("button", name="Judge").click()
    before = shop.server.metric("homologate_predictions_total")
    first = page.locator("dd.digest").first.inner_text()
    page.reload()
    assert page.locator("dd.digest").first.inner_text() == first
    assert shop.server.metric("homologate_predictions_total") == before
    page.get_by_role("link", name="Change the words of this one").click()
    assert page.get_by_label("Describe the component").input_value() == shop.settings.web.example
    page.get_by_role("button", name="Sign out").click()
    assert "Sign in" in page.title()
    page.context.close()


def test_paper_carries_the_verdict_with_id_version_and_a_line_to_sign_and_no_button(
    shop: Shop, browser: Browser
) -> None:
    with shop.client() as client:
        address = str(client.post("/", data={"text": GOOD}).url)
        cookies = [{"name": name, "value": value, "url": shop.web.url} for name, value in client.cookies.items()]
        page = browser.new_page()
        page.context.add_cookies(cookies)
        page.goto(address)
        page.emulate_media(media="print")
        seen = page.evaluate("document.body.innerText")
        assert {"compliant", "Name and signature", "line-3"} <= set(re.split(r"\n+", seen.replace("\t", "\n")))
        assert f"shop version {shop.version}" in seen
        assert page.locator("button:visible, textarea:visible, nav:visible").count() == 0
        page.context.close()


def test_a_close_call_is_called_one_on_either_side_of_the_line() -> None:
    from serve.web import Verdict

    labels = ("compliant", "non-compliant")
    for probability, close in ((0.2, False), (0.29, True), (0.31, True), (0.36, True), (0.5, False), (0.96, False)):
        label = labels[probability >= 0.31]
        assert Verdict("a", label, probability, 0.31, labels).close is close, probability


def test_agreeing_is_recorded_too_and_the_family_goes_with_it(shop: Shop) -> None:
    with shop.client("line-4") as client:
        page = client.post("/", data={"text": BAD, "family": "headlamp"})
        assert "headlamp" in plain(page)
        told = disputed(client, str(page.url), label="non-compliant", note="seen")
        assert "you say it is non-compliant , as the version does" in plain(told)
        (said,) = [one for one in kept(shop) if one.prediction_id == prediction(page)]
        assert (said.by, said.label, said.component) == ("key:line-4", "non-compliant", "headlamp")


def test_the_slow_reading_is_a_second_answer_with_an_id_of_its_own(shop: Shop) -> None:
    with shop.client() as client:
        quick = client.post("/", data={"text": BAD})
        slow = client.post("/", data={"text": BAD, "reading": "slow"})
        assert "each word was left out in turn" in plain(slow)
        assert prediction(slow) != prediction(quick)


def test_what_was_not_read_of_a_long_text_is_said(shop: Shop) -> None:
    with shop.client() as client:
        page = plain(client.post("/", data={"text": BAD + " lamp" * 200}))
    assert "longer than this version reads. Everything after “" in page


def test_several_texts_keep_their_order_and_a_bad_one_its_reason(shop: Shop) -> None:
    with shop.client() as client:
        page = client.post("/several", files={"texts": (None, f"{BAD}\n\n\u200b\n{GOOD}"), "file": ("", b"")})
        assert re.search(r"<h1[^>]*>(.*?)</h1>", page.text)[1] == "1 non-compliant, 1 compliant, 1 not judged"
        rows = re.findall(r'<tr class="(\w+)">', page.text)
        assert rows == ["positive", "fault", "negative"]
        assert "has nothing the tokeniser reads" in plain(page)
        table = client.get("/several.csv")
        assert table.headers["content-disposition"] == 'attachment; filename="verdicts.csv"'
        lines = table.text.splitlines()
        assert lines[0] == "text,label,probability,threshold,prediction_id,model,version,digest,fault"
        assert [line.split(",")[1] for line in lines[1:]] == ["non-compliant", "", "compliant"]


def test_a_csv_is_read_by_its_column_and_a_spreadsheet_takes_no_cell_for_a_formula(shop: Shop) -> None:
    upload = f'id,text\n1,"=HYPERLINK(""http://evil"") {BAD}"\n2,\n3,"@SUM(1) {GOOD}"\n'.encode("utf-8-sig")
    with shop.client() as client:
        page = client.post("/several", files={"file": ("parts.csv", upload, "text/csv")})
        assert "It is empty." in plain(page)
        table = client.get("/several.csv").text
        assert "\n\"'=HYPERLINK(" in table
        assert "\n'@SUM(1)" in table
        for content, says in (
            (b"id\n1\n", "No column 'text' among id"),
            (b"text\n\xff\n", "The file is not text in UTF-8"),
            (b'text\n"open', "The file is no CSV"),
            (b"text\n" + b"a part\n" * 201, "201 texts. What is accepted: at most 200 at once Next: homologate score"),
        ):
            refused = client.post("/several", files={"file": ("parts.csv", content)})
            assert refused.status_code in {400, 413}
            assert says in plain(refused)
        both = client.post("/several", files={"texts": (None, BAD), "file": ("parts.csv", upload)})
        assert "One of the two at a time" in plain(both) or "one of the two at a time" in plain(both)


def test_the_queue_gives_its_reasons_in_words() -> None:
    from serve.web._labelling import reasons

    item = {"disagrees": True, "uncertain": 0.9, "novel": 0.31}
    assert reasons(item) == [
        "two versions disagree on it",
        "the version is unsure of it",
        "31 % of its words are new to the version",
    ]
    assert reasons({"disagrees": False, "uncertain": 0.1, "novel": 0.0}) == ["asked about and never labelled"]
