"""The app can do what the person before it may do, and nothing else; what it knows of them stays in it and ends."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from loopback.issuer import RealIssuer, issuing
from loopback.scoring import Server
from waiting import until

from homologate.cli import main
from serve.server import add_key
from serve.web import Session, Sessions

from .conftest import BAD, Shop, plain, visiting

HEAVY = {"onnxruntime", "tokenizers", "torch", "transformers", "mlflow", "pandas"}


@pytest.fixture(scope="module")
def issuer() -> Iterator[RealIssuer]:
    with issuing() as made:
        yield made


@pytest.fixture(scope="module")
def platform(
    serve: Callable[..., Server], web: Callable[..., Server], model_directory: Path, issuer: RealIssuer
) -> tuple[Server, Server]:
    """A server that believes an issuer's tokens, and the app behind a platform that signs people in there."""
    oidc = ("--oidc-issuer", issuer.url, "--oidc-audience", "homologate")
    server = serve(model_directory, *oidc)
    return server, web("--server", server.url, "--token-header", "x-ms-token-aad-id-token", *oidc)


def test_no_model_and_nothing_that_runs_one_is_in_its_process() -> None:
    probe = f"import sys, serve.web, serve.verbs.web; print(sorted({HEAVY!r} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_nobody_sees_a_page_before_the_server_knows_their_key(shop: Shop) -> None:
    with shop.client(None) as client:
        for path in ("/", "/several", "/queue", "/recent", "/verdicts/x", "/several.csv"):
            assert client.get(path).url.path == "/sign-in"
        for wrong in ("hk_wrong", shop.keys["line-3"][:-1], "", "ключ"):
            refused = client.post("/sign-in", data={"key": wrong})
            assert refused.status_code == 401
            assert not client.cookies
        assert client.post("/queue", data={"prediction_id": "p", "label": "compliant"}).url.path == "/sign-in"


def test_a_key_is_in_no_page_no_cookie_and_no_log_and_the_cookie_is_for_this_app_alone(shop: Shop) -> None:
    key = shop.keys["line-3"]
    with shop.client(None) as client:
        signed = client.post("/sign-in", data={"key": key}, follow_redirects=False)
        flags = signed.headers["set-cookie"].lower()
        assert "httponly" in flags
        assert "samesite=strict" in flags
        assert "max-age" not in flags
        assert "expires" not in flags, "it ends with the browser's visit"
        for path in ("/", "/several", "/queue", "/recent"):
            assert key not in client.get(path).text
        client.post("/", data={"text": BAD})
        assert key not in str(client.cookies)
    for log in (shop.web.log, shop.server.log):
        assert key not in log.read_text()
        assert BAD not in log.read_text()
    told = shop.web.events("request")
    assert {one["caller"] for one in told} >= {None, "key:line-3"}
    assert not [one for one in told if re.search(r"/verdicts/[^{]", one["route"])], "no reference either"


def test_signing_in_begins_a_new_visit_and_signing_out_ends_it_on_the_server(shop: Shop) -> None:
    with shop.client() as client:
        address = client.post("/", data={"text": BAD}).url.path
        first = client.cookies["homologate"]
        client.post("/sign-in", data={"key": shop.keys["line-3"]})
        assert client.cookies["homologate"] != first
        assert client.get(address).status_code == 404, "the new visit knows nothing of the old one"
        last = client.cookies["homologate"]
        client.post("/sign-out")
        assert "homologate" not in client.cookies
        for ended in (first, last):
            client.cookies.set("homologate", ended)
            assert client.get("/").url.path == "/sign-in"


def test_one_person_never_sees_what_another_asked(shop: Shop) -> None:
    with shop.client("line-3") as one, shop.client("line-4") as other:
        address = one.post("/", data={"text": BAD}).url.path
        assert one.get(address).status_code == 200
        assert other.get(address).status_code == 404
        assert other.post(address, data={"label": "compliant"}).status_code == 404


def test_visits_end_when_idle_and_are_bounded_in_number_and_size() -> None:
    from serve.web import Verdict
    from serve.web._sessions import MOST_ANSWERS, MOST_CHARACTERS, MOST_SESSIONS

    now = [0.0]
    sessions = Sessions(60, clock=lambda: now[0])
    number = sessions.open(Session(key="hk_a"))
    now[0] = 59
    assert sessions.find(number)
    now[0] = 118
    assert sessions.find(number), "a request keeps it alive"
    now[0] = 179
    sessions.open(Session())
    assert len(sessions) == 1, "what has ended is gone, key and all, when anybody comes"
    assert sessions.find(number) is None
    numbers = [sessions.open(Session()) for _ in range(MOST_SESSIONS + 5)]
    assert len(sessions) == len(set(numbers)) - 5
    session = Session()
    for _ in range(MOST_ANSWERS + 5):
        session.remember(Verdict("a", "b", 0.1, 0.5, ("b", "c")))
    assert len(session.answers) == MOST_ANSWERS
    session.remember(Verdict("a" * (MOST_CHARACTERS + 1), "b", 0.1, 0.5, ("b", "c")))
    assert len(session.answers) == 1
    assert "hk_a" not in repr(Session(key="hk_a"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
    ],
    ids=str,
)
def test_a_form_of_another_site_changes_nothing(shop: Shop, headers: dict[str, str]) -> None:
    with shop.client() as client:
        address = client.post("/", data={"text": BAD}).url.path
        for path in ("/", address, "/queue", "/several", "/sign-in", "/sign-out"):
            refused = client.post(path, data={"text": BAD, "label": "compliant"}, headers=headers)
            assert refused.status_code == 403
            assert "another site" in refused.json()["error"]["message"]
        assert client.get("/").url.path == "/"


def test_every_response_carries_the_security_headers_and_a_policy_without_inline_code(shop: Shop) -> None:
    with shop.client() as client:
        for response in (
            client.get("/"),
            client.get("/web.js"),
            client.get("/nothing"),
            client.get("/", headers={"Host": "evil.example"}),
            client.post("/", headers={"Origin": "https://evil.example"}),
        ):
            assert response.headers["cache-control"] == "no-store"
            assert response.headers["x-content-type-options"] == "nosniff"
            assert response.headers["x-frame-options"] == "DENY"
            policy = response.headers["content-security-policy"]
            assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy.split("; "))
            assert "unsafe" not in policy
            assert "server" not in response.headers
        assert response.status_code == 403
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 421
        assert client.get("/health", headers={"Host": "10.0.0.7"}).status_code == 200


def test_what_looks_like_markup_is_shown_and_nobody_is_sent_elsewhere(shop: Shop) -> None:
    with shop.client() as client:
        page = client.post("/", data={"text": "<script>alert(1)</script> lamp", "family": "<b>"})
        assert "<script>alert" not in page.text
        assert "<b>" not in page.text.replace("<b>lamp</b>", "").partition("<dl")[2].partition("</dl>")[0]
        shown = re.sub("<[^>]*>", "", re.search(r'<p class="text">(.*?)</p>', page.text)[1])
        assert shown == "&lt;script&gt;alert(1)&lt;/script&gt; lamp"
        for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"):
            signed = client.post(
                "/sign-in", data={"key": shop.keys["line-3"], "next": elsewhere}, follow_redirects=False
            )
            assert signed.headers["location"] == "/"


def test_a_withdrawn_key_ends_the_visit_and_keeps_the_text(shop: Shop) -> None:
    file = Path(shop.settings.home) / "keys.txt"
    shop.keys["leaver"] = add_key(file, "leaver")
    with shop.client("leaver") as client:
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not line.startswith("leaver ")))
        ended = client.post("/", data={"text": BAD, "family": "lamp"})
        assert ended.status_code == 401
        assert "Your visit ended, or your key was withdrawn" in plain(ended)
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)"', ended.text))
        assert (fields["text"], fields["family"]) == (BAD, "lamp")
        back = client.post("/sign-in", data={"key": shop.keys["line-3"], **fields})
        assert f">{BAD}</textarea>" in back.text
        assert client.get("/").url.path == "/"


def test_a_platforms_token_is_verified_sent_on_and_names_the_person(
    platform: tuple[Server, Server], issuer: RealIssuer
) -> None:
    server, app = platform
    token = issuer.token(sub="7f3c", preferred_username="ada@plant.example", azp="the-platform")
    with visiting(app) as client:
        client.headers["X-MS-TOKEN-AAD-ID-TOKEN"] = token
        page = client.post("/", data={"text": BAD})
        assert page.status_code == 200
        assert "ada@plant.example" in plain(page)
        assert "set-cookie" not in page.headers
        assert client.get(page.url.path).status_code == 200
        name = app.await_event("request")["caller"]
        assert name == "oidc:7f3c"
        assert client.get("/sign-in").status_code == 200
        other = issuer.token(sub="9a1b", name="Ben")
        assert client.get(page.url.path, headers={"X-MS-TOKEN-AAD-ID-TOKEN": other}).status_code == 404
    until(lambda: "oidc:7f3c" in {one["caller"] for one in server.events("request")}, 5, "log line")


def test_a_bare_name_or_another_token_opens_nothing(platform: tuple[Server, Server], issuer: RealIssuer) -> None:
    _, app = platform
    for headers in (
        {},
        {"X-MS-CLIENT-PRINCIPAL-NAME": "ada@plant.example", "X-Forwarded-User": "ada"},
        {"X-MS-TOKEN-AAD-ID-TOKEN": "ada"},
        {"X-MS-TOKEN-AAD-ID-TOKEN": issuer.token(aud="someone-else")},
        {"X-MS-TOKEN-AAD-ID-TOKEN": issuer.token(exp=1_000_000_000)},
        {"Authorization": f"Bearer {issuer.token()}"},
    ):
        refused = httpx.post(app.url, data={"text": BAD}, headers={"Accept": "text/html", **headers})
        assert refused.status_code == 401, headers
        assert "Not signed in" in plain(refused)


def test_a_server_that_asks_nobody_is_used_on_loopback_and_disagreeing_needs_a_name(
    serve: Callable[..., Server], web: Callable[..., Server], model_directory: Path
) -> None:
    server = serve(model_directory)
    with visiting(web("--server", server.url)) as client:
        assert "Nobody is asked who they are here" in plain(client.get("/"))
        page = client.post("/", data={"text": BAD})
        assert "To disagree needs a name" in plain(page)
        refused = client.post(page.url.path, data={"label": "compliant"})
        assert refused.status_code == 403
        assert "To disagree needs a name" in plain(client.get("/queue"))
        assert plain(client.post("/sign-in", data={"key": "hk_any"})).count("asks nobody who they are") == 1
    plainly = web("--server", server.url, "--host", "0.0.0.0", "--anybody")  # noqa: S104 (what is tested)
    assert plainly.events("keys_travel_unencrypted")
    everywhere = web("--server", server.url, "--host", "0.0.0.0", "--https")  # noqa: S104
    assert not everywhere.events("keys_travel_unencrypted")
    port = everywhere.url.rpartition(":")[2]
    refused = httpx.get(f"http://127.0.0.1:{port}/", headers={"Accept": "text/html"})
    assert refused.status_code == 403
    assert "nothing says who may use it" in plain(refused)
    assert "max-age" in refused.headers["strict-transport-security"]


def test_people_who_come_by_https_get_a_cookie_that_travels_no_other_way(shop: Shop) -> None:
    from starlette.responses import Response

    from serve.web import Door, ScoringServer

    door = Door(ScoringServer(shop.server.url, ("a", "b")), Sessions(60), secure=True)
    response = Response()
    door.keep(Session(), response)
    assert response.headers["set-cookie"].startswith("__Host-homologate=")
    assert "; Secure" in response.headers["set-cookie"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--token-header", "x-user"], "a token is believed only where it can be verified"),
        (["--oidc-issuer", "https://login.example"], "an issuer and an audience go together"),
        (["--server", "ftp://x"], "no address 'ftp://x'"),
        (["--server", "http://ada@x"], "no address"),
        (["--server", "http://scoring.example:5100"], "keys would travel unencrypted to scoring.example"),
        (["--azure", "--server", "https://x/score", "--host", "0.0.0.0"], "asks the endpoint as itself"),  # noqa: S104
        (["--tls-cert", "none.pem"], "a certificate and a key go together"),
    ],
)
def test_a_way_in_that_nobody_can_check_stops_the_command(
    words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["web", "--port", "0", *words]) == 2
    assert says in capsys.readouterr().err
