"""The reviewers' pages in a real browser: usable by keyboard, readable by anyone, open to no other site."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1180, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
}
MODEL = "brakes-pages"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def story(gated: Any, make_version: Callable[..., str]) -> dict[str, str]:
    """A champion, a request that waits, and one whose evidence does not hold."""
    champion, waiting, broken = (make_version(gated, MODEL) for _ in range(3))
    gated.promoted(champion, model=MODEL)
    source = gated.client("ann").get_model_version(MODEL, broken).source
    (gated.home / "artifacts" / source.partition(":/")[2].lstrip("/") / "model.onnx").write_bytes(b"other")
    refused = gated.requested(broken, model=MODEL)
    return {"waiting": gated.requested(waiting, model=MODEL), "refused": refused, "version": waiting}


def _open(browser: Browser, person: str, **view: Any) -> Page:
    sign_in = {"username": person, "password": "correct horse battery"}  # pragma: allowlist secret
    return browser.new_context(http_credentials=sign_in, **view).new_page()


@pytest.mark.parametrize("view", VIEWS)
def test_axe_finds_nothing_and_no_page_is_wider_than_the_screen(
    gated: Any, story: dict[str, str], browser: Browser, view: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = _open(browser, "bob", **VIEWS[view])
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    for path in (
        "",
        f"requests/{story['waiting']}",
        f"requests/{story['refused']}",
        f"models/{MODEL}",
        f"models/{MODEL}/versions/{story['version']}/evidence",
        "policies",
        "requests/99999",
    ):
        page.goto(f"{gated.url}/homologate/{path}")
        found = Axe().run(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= VIEWS[view]["viewport"]["width"], path
    assert [c for c in complaints if "404" not in c] == []
    page.context.close()


def test_the_verdict_is_the_first_heading_and_every_rule_is_listed(gated: Any, story: dict[str, str]) -> None:
    page = gated.ask("bob", "GET", f"/homologate/requests/{story['refused']}").text
    decision = gated.ask("bob", "GET", f"/homologate/api/requests/{story['refused']}").json["decision"]
    assert re.search(r"<h1>(.*?)</h1>", page).group(1) == decision["verdict"]
    for rule in decision["rules"]:
        assert f'<span class="rule">{rule["id"]}</span>' in page
    assert "nothing can be approved" not in page
    assert "Your answer" not in page, "a request that was refused waits for nobody"


def test_two_reviewers_take_a_version_to_production_in_the_browser(
    gated: Any, make_version: Callable[..., str], browser: Browser
) -> None:
    model = "brakes-browser"
    version = make_version(gated, model)
    page = _open(browser, "ann")
    page.goto(f"{gated.url}/homologate/models/{model}")
    page.get_by_label("Version").fill(version)
    page.get_by_label("To", exact=True).select_option("Production")
    page.get_by_label("Reason").fill("stops more bad hoses")
    page.get_by_role("button", name="Ask the gate").click()
    assert "You made this version" in page.inner_text("main")
    address = page.url
    page.context.close()
    for person in ("bob", "cleo"):
        page = _open(browser, person)
        page.goto(address)
        page.get_by_label("Reason").focus()
        page.keyboard.type("read the reports")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=status]")
        assert "Your approval is recorded" in page.inner_text("[role=status]")
        if person == "bob":
            page.context.close()
    page.get_by_role("button", name=f"Put version {version} into Production").click()
    assert page.inner_text("h1") == f"Version {version} is in Production"
    assert f"Version {version} put into Production" in page.inner_text("ol.timeline")
    page.context.close()
    assert gated.in_stage("Production", model) == [version]
    tags = gated.client("ann").get_model_version(model, version).tags
    assert tags["gate.request"] == address.partition("?")[0]
    assert tags["gate.state"] == "Production: promoted"


def test_a_page_loads_nothing_from_elsewhere_and_may_not_be_framed(gated: Any, story: dict[str, str]) -> None:
    answer = gated.ask("bob", "GET", f"/homologate/requests/{story['waiting']}")
    policy = {key.lower(): value for key, value in answer.headers.items()}["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "<script" not in answer.text
    assert not re.search(r'style="|(src|href)="(https?:)?//', answer.text)


def test_a_report_is_shown_inside_a_sandbox(gated: Any, story: dict[str, str]) -> None:
    path = f"/homologate/models/{MODEL}/versions/{story['version']}/evidence/evaluation/evaluation.html"
    answer = gated.ask("bob", "GET", path)
    assert answer.status == 200
    assert answer.text.startswith("<p>evaluation")
    policy = {key.lower(): value for key, value in answer.headers.items()}["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert gated.ask("bob", "GET", path.replace("evaluation.html", "../../../../../auth.db")).status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
def test_a_form_of_another_site_approves_nothing(gated: Any, story: dict[str, str], headers: dict[str, str]) -> None:
    request = story["waiting"]
    form = b"answer=approve&comment=forged"
    sent = {"Content-Type": FORM, **headers}
    for path in (f"/homologate/requests/{request}/answer", f"/homologate/api/requests/{request}/approve"):
        assert gated.ask("bob", "POST", path, form, headers=sent).status in (400, 403)
    json_body = {"comment": "forged"}
    if headers:
        path = f"/homologate/api/requests/{request}/approve"
        assert gated.ask("bob", "POST", path, json_body, headers=headers).status == 403
    assert gated.ask("bob", "GET", f"/homologate/api/requests/{request}").json["request"]["approvals"] == []


def test_a_token_of_one_person_is_no_token_of_another(gated: Any, story: dict[str, str]) -> None:
    page = gated.ask("bob", "GET", f"/homologate/requests/{story['waiting']}").text
    token = re.search(r'name="token" value="([^"]+)"', page).group(1)
    form = f"answer=approve&comment=x&token={token}".encode()
    path = f"/homologate/requests/{story['waiting']}/answer"
    assert gated.ask("cleo", "POST", path, form, headers={"Content-Type": FORM}).status == 403


def test_what_people_write_is_shown_and_never_obeyed(gated: Any, make_version: Callable[..., str]) -> None:
    version = make_version(gated, MODEL)
    words = '<script>alert(1)</script> & "quotes"'
    made = gated.post("ann", "requests", model=MODEL, version=version, stage="Staging", reason=words)
    for path in (f"requests/{made.json['request']['id']}", f"models/{MODEL}", ""):
        page = gated.ask("bob", "GET", f"/homologate/{path}").text
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize(
    "body",
    [
        b'{"comment": "yes", "comment": "no"}',
        b'{"comment": "yes", "user": "cleo"}',
        b'{"comment": ""}',
        b'{"comment": 7}',
        b'["comment"]',
        b'{"comment": "\xff"}',
        b"not json",
    ],
)
def test_the_api_takes_exactly_what_it_names(gated: Any, story: dict[str, str], body: bytes) -> None:
    answer = gated.ask("bob", "POST", f"/homologate/api/requests/{story['waiting']}/approve", body)
    assert answer.status == 400
    assert answer.json["error_code"] == "INVALID_PARAMETER_VALUE"
    assert answer.json["error"]["message"]
    assert answer.json["error"]["legal"]


@pytest.mark.parametrize(("method", "path"), [("GET", "nothing"), ("PUT", "requests/1/approve"), ("POST", "health")])
def test_what_the_api_does_not_answer_is_an_error_of_the_same_shape_that_lists_what_it_does(
    gated: Any, method: str, path: str
) -> None:
    answer = gated.ask("bob", method, f"/homologate/api/{path}", {})
    assert (answer.status, answer.json["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    assert "GET /health" in answer.json["error"]["legal"]
    assert f"{method} {path} is nothing" in answer.json["message"]


def test_a_page_that_is_not_there_says_so_in_our_own_words(gated: Any) -> None:
    answer = gated.ask("bob", "GET", "/homologate/nowhere")
    assert (answer.status, "no page" in answer.text, "There is no such thing" in answer.text) == (404, True, True)
