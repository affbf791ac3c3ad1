"""Whatever goes wrong: what it was, what is accepted, what to do next, and nothing that was typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from loopback.azurite import free_port
from loopback.scoring import Server

from .conftest import BAD, Shop, disputed, plain, visiting


@pytest.fixture(scope="module")
def narrow(serve: Callable[..., Server], web: Callable[..., Server], model_directory: Path) -> tuple[Server, Server]:
    """A server with small limits that asks nobody, and the app in front."""
    server = serve(
        model_directory, "--max-characters", "200", "--max-texts", "3", "--rate", "0.01", "--burst", "12",
        "--explain-within", "0.0001",
    )  # fmt: skip
    return server, web("--server", server.url)


def field(page: httpx.Response) -> str:
    """What stands in the big field."""
    return page.text.partition("<textarea")[2].partition(">")[2].partition("</textarea>")[0]


def test_what_a_server_refuses_is_said_in_its_words_and_the_text_stays(narrow: tuple[Server, Server]) -> None:
    server, app = narrow
    with visiting(app) as client:
        assert "At most 200 characters" in plain(client.get("/"))
        for text, status, says in (
            ("", 400, "There is no text to judge. What is accepted: a description in words"),
            ("\u200b", 400, "has nothing the tokeniser reads"),
            ("x" * 201, 413, "Too much at once. The text has 201 characters. What is accepted: at most 200"),
            ("y" * 100_001, 413, "100001 characters"),
        ):
            page = client.post("/", data={"text": text, "family": "lamp"})
            assert page.status_code == status
            assert says in plain(page)
            assert text in (field(page), "y" * 100_001)
        assert "The slow reading was not ready in time" in plain(
            client.post("/", data={"text": BAD, "reading": "slow"})
        )
        several = client.post("/several", data={"texts": f"{BAD}\n" * 4})
        assert several.status_code == 413
        assert "at most 3 (--max-texts)" in plain(several)
        assert BAD in field(several)
        while (page := client.post("/", data={"text": BAD})).status_code == 200:
            pass
        assert page.status_code == 429
        assert "Too many questions" in plain(page)
        assert f"Ask again in {page.headers['retry-after']} second" in plain(page)
        assert field(page) == BAD
        server.stop()
        page = client.post("/", data={"text": BAD})
        assert page.status_code == 503
        assert "The scoring server is away" in plain(page)
        assert field(page) == BAD


def test_an_app_before_a_server_that_is_away_says_so_and_is_healthy(web: Callable[..., Server]) -> None:
    app = web("--server", f"http://127.0.0.1:{free_port()}", environment={"HOMOLOGATE_COMMIT": "c0ffee"})
    with visiting(app) as client:
        page = client.get("/")
        assert page.status_code == 503
        assert "The scoring server is away" in plain(page)
        assert "Ask again in 10 seconds" in plain(page)
        told = {"status": "ready", "server": "away", "commit": "c0ffee"}
        assert client.get("/health").json() == told
        # A platform's probe calls the machine by its number; nothing else answers to that.
        assert client.get("/health", headers={"Host": "169.254.1.2:5200"}).json() == told
        assert client.get("/", headers={"Host": "169.254.1.2:5200"}).status_code == 421
    assert app.stop() == 0


def test_something_else_that_answers_is_no_scoring_server(web: Callable[..., Server], shop: Shop) -> None:
    with visiting(web("--server", f"{shop.web.url}/health")) as client:
        page = client.post("/", data={"text": BAD})
        assert page.status_code == 502
        assert "What answers is no scoring server" in plain(page)
        assert field(page) == BAD


def test_feedback_that_is_refused_says_why(shop: Shop) -> None:
    with shop.client("visitor") as client:
        page = client.post("/", data={"text": BAD})
        refused = disputed(client, page.url.path, label="compliant", note="I saw it")
        assert refused.status_code == 403
        assert "Not allowed. Key:visitor may not give feedback. What is accepted: key:line-*" in plain(refused)
        assert "I saw it" in refused.text
        assert client.post(page.url.path, data={"label": "fine"}).status_code == 400
        queue = client.get("/queue")
        assert queue.status_code == 403
        assert "may not give feedback" in plain(queue)
    with shop.client() as client:
        unknown = client.post("/queue", data={"prediction_id": "nobody", "label": "compliant"})
        assert unknown.status_code == 404
        assert "No prediction 'nobody'" in plain(unknown)


def test_a_page_that_is_not_there_is_said_to_people_and_to_programs(shop: Shop) -> None:
    with shop.client() as client:
        missing = client.get("/nothing")
        assert missing.status_code == 404
        assert "There is no page '/nothing'" in plain(missing)
        for path, status in (("/nothing", 404), ("/verdicts/gone", 404), ("/several.csv", 404)):
            told = client.get(path, headers={"Accept": "application/json"})
            assert told.status_code == status
            assert set(told.json()["error"]) == {"type", "message", "place", "legal", "next"}
        assert client.put("/", headers={"Accept": "application/json"}).status_code == 405


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"text=%ff", {"Content-Type": "application/x-www-form-urlencoded"}, 400),
        (b"x", {"Content-Type": "multipart/form-data; boundary=b"}, 400),
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"}, 415),
        (b"a=" + b"b" * (513 << 10), {"Content-Type": "application/x-www-form-urlencoded"}, 413),
        (b"&".join(b"a=b" for _ in range(50)), {"Content-Type": "application/x-www-form-urlencoded"}, 400),
    ],
    ids=["no UTF-8", "no parts", "JSON", "gzip", "too long", "too many fields"],
)
def test_what_is_no_form_is_refused(shop: Shop, content: bytes, headers: dict[str, str], status: int) -> None:
    for path in ("/", "/several", "/sign-in"):
        with shop.client() as client:
            assert client.post(path, content=content, headers=headers).status_code == status, path
