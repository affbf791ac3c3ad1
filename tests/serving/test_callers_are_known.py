"""Who may ask: keys of which only hashes are kept, tokens of a real issuer, a pace for each, and a closed door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from loopback.issuer import UNSIGNED, RealIssuer, issuing

from homologate.cli import main
from homologate.errors import UsageError
from serve.server import Issuer, KeyFile, Pace, Problem, add_key

TEXT = "The lamp from lot 7 cracked below the limit at 61 units."


@pytest.fixture(scope="module")
def issuer() -> Iterator[RealIssuer]:
    with issuing() as made:
        yield made


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    file = tmp_path_factory.mktemp("keys") / "keys.txt"
    return file, add_key(file, "line-3")


@pytest.fixture(scope="module")
def guarded(serve: Callable[..., Any], model_directory: Path, keys: tuple[Path, str], issuer: RealIssuer) -> Any:
    """A server with both doors, on every address of this machine."""
    words = ("--api-keys", keys[0], "--oidc-issuer", issuer.url, "--oidc-audience", "homologate")
    server = serve(model_directory, *words, "--host", "0.0.0.0")  # noqa: S104 (what is tested)
    server.url = server.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
    return server


def ask(server: Any, **headers: str) -> requests.Response:
    return requests.post(f"{server.url}/v1/score", json={"text": TEXT}, headers=headers, timeout=10)


def test_without_a_credential_nothing_is_answered_but_status(guarded: Any) -> None:
    response = ask(guarded)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "API key" in response.json()["error"]["legal"]
    assert requests.get(f"{guarded.url}/metrics", timeout=10).status_code == 401
    for page in ("ping", "health", "version", "openapi.json"):
        assert requests.get(f"{guarded.url}/{page}", timeout=10).status_code == 200


def test_a_key_is_taken_from_either_header_and_names_the_caller_in_the_log(
    guarded: Any, keys: tuple[Path, str]
) -> None:
    assert ask(guarded, **{"X-API-Key": keys[1]}).status_code == 200
    response = ask(guarded, Authorization=f"Bearer {keys[1]}")
    assert response.status_code == 200
    assert guarded.told(response)["caller"] == "key:line-3"


def test_a_caller_is_told_who_they_are_taken_for_and_what_they_may_ask(
    guarded: Any, server: Any, keys: tuple[Path, str]
) -> None:
    told = requests.get(f"{guarded.url}/v1/caller", headers={"X-API-Key": keys[1]}, timeout=10).json()
    limits = {"texts": 1000, "characters": 20_000, "body_bytes": 1 << 20}
    assert told == {"caller": "key:line-3", "limits": limits, "feedback": False}
    assert requests.get(f"{guarded.url}/v1/caller", timeout=10).status_code == 401
    assert requests.get(f"{server.url}/v1/caller", timeout=10).json()["caller"] is None


def test_a_wrong_key_is_refused(guarded: Any, keys: tuple[Path, str]) -> None:
    for wrong in ("hk_wrong", keys[1][:-1], keys[1] + "a", keys[1].lower()):
        assert ask(guarded, **{"X-API-Key": wrong}).status_code == 401


def test_the_key_file_holds_only_hashes_for_its_owner_alone(keys: tuple[Path, str]) -> None:
    assert keys[1] not in keys[0].read_text()
    assert keys[1].removeprefix("hk_") not in keys[0].read_text()
    assert keys[0].stat().st_mode & 0o077 == 0


def test_a_key_is_withdrawn_by_deleting_its_line_while_the_server_runs(guarded: Any, keys: tuple[Path, str]) -> None:
    temporary = add_key(keys[0], "visitor")
    assert ask(guarded, **{"X-API-Key": temporary}).status_code == 200
    lines = keys[0].read_text().splitlines()
    keys[0].write_text("".join(f"{line}\n" for line in lines if not line.startswith("visitor ")))
    assert ask(guarded, **{"X-API-Key": temporary}).status_code == 401
    assert ask(guarded, **{"X-API-Key": keys[1]}).status_code == 200


def test_key_files_and_callers_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no key file"):
        KeyFile(tmp_path / "none")
    (tmp_path / "bad").write_text("line-3 secret\n")
    with pytest.raises(UsageError, match="not a caller and a hash") as raised:
        KeyFile(tmp_path / "bad")
    assert "line 1" in str(raised.value)
    with pytest.raises(UsageError, match="no caller name"):
        add_key(tmp_path / "new", "two words")
    add_key(tmp_path / "new", "ada")
    with pytest.raises(UsageError, match="has a key already"):
        add_key(tmp_path / "new", "ada")


def test_the_key_command_prints_the_key_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", "line-3", "--file", str(tmp_path / "keys.txt"), "--json"]) == 0
    key = json.loads(capsys.readouterr().out)["key"]
    assert KeyFile(tmp_path / "keys.txt").caller(key) == "line-3"


def test_a_token_of_the_issuer_is_believed_and_names_the_caller(guarded: Any, issuer: RealIssuer) -> None:
    response = ask(guarded, Authorization=f"Bearer {issuer.token()}")
    assert response.status_code == 200, response.text
    response = ask(guarded, Authorization=f"Bearer {issuer.token(azp='inspection-app')}")
    assert guarded.told(response)["caller"] == "oidc:inspection-app"
    response = ask(guarded, Authorization=f"Bearer {issuer.token(azp='inspection-app', name='Ada')}")
    assert guarded.told(response)["caller"] == "oidc:ada", "two people who use one application are two people"


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 1_000_000_000},
        {"exp": None},
        {"aud": "someone-else"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"sub": None},
        {"nbf": 4_000_000_000},
        {"kid": "unknown", "key": rsa.generate_private_key(public_exponent=65537, key_size=2048)},
        {"key": rsa.generate_private_key(public_exponent=65537, key_size=2048)},
        {"key": "a shared secret of sufficient length, forty", "algorithm": "HS256"},
        {"key": UNSIGNED, "algorithm": "none"},
    ],
    # A key's text is its address in memory; two processes of one test run must agree on a name.
    ids=lambda claims: ", ".join(name if name == "key" else f"{name}={value}" for name, value in claims.items()),
)
def test_any_other_token_is_refused(guarded: Any, issuer: RealIssuer, claims: dict[str, Any]) -> None:
    response = ask(guarded, Authorization=f"Bearer {issuer.token(**claims)}")
    assert response.status_code == 401, response.text
    assert "bearer token is not accepted" in response.json()["error"]["message"]


def test_made_up_key_ids_do_not_make_the_server_hammer_the_issuer(guarded: Any, issuer: RealIssuer) -> None:
    before = issuer.fetches
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for number in range(20):
        assert ask(guarded, Authorization=f"Bearer {issuer.token(kid=f'k-{number}', key=stranger)}").status_code == 401
    assert issuer.fetches <= before + 1


def test_a_key_the_issuer_publishes_is_believed_and_one_it_withdraws_is_not(
    issuer: RealIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serve.http._oidc.REFETCH_SECONDS", 0.0)
    believer = Issuer(issuer.url, "homologate")
    assert asyncio.run(believer.person(issuer.token("k1"))).id == "ada"
    issuer.turn("k2")
    assert asyncio.run(believer.person(issuer.token("k2"))).id == "ada"
    old = issuer.token("k1")
    kept, issuer.keys = issuer.keys, {"k2": issuer.keys["k2"]}
    issuer.turn("k3")
    try:
        assert asyncio.run(believer.person(issuer.token("k3"))).id == "ada"
        with pytest.raises(Problem, match="not accepted"):
            asyncio.run(believer.person(old))
    finally:
        issuer.keys = kept


def test_an_issuer_without_tls_must_be_on_loopback() -> None:
    with pytest.raises(UsageError, match="no issuer"):
        Issuer("http://login.example", "homologate")


def test_an_issuer_that_is_down_is_503_and_keys_still_open(
    serve: Callable[..., Any], model_directory: Path, keys: Any
) -> None:
    nowhere = "http://127.0.0.1:9"
    words = ("--oidc-issuer", nowhere, "--oidc-audience", "homologate", "--api-keys", keys[0])
    server = serve(model_directory, *words)
    token = RealIssuer(nowhere, keys={"k1": rsa.generate_private_key(public_exponent=65537, key_size=2048)}).token()
    assert ask(server, Authorization=f"Bearer {token}").status_code == 503
    assert ask(server, **{"X-API-Key": keys[1]}).status_code == 200


def test_every_caller_has_a_pace_of_its_own() -> None:
    pace = Pace(rate=2.0, burst=3)
    for _ in range(3):
        pace.take("a", now=100.0)
    with pytest.raises(Problem) as raised:
        pace.take("a", now=100.0)
    assert (raised.value.status, raised.value.retry_after) == (429, 1)
    pace.take("b", now=100.0)
    pace.take("a", now=100.6)


def test_the_pace_holds_over_http(serve: Callable[..., Any], model_directory: Path) -> None:
    server = serve(model_directory, "--rate", "0.1", "--burst", "3")
    statuses = [server.score(TEXT).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert server.health().status_code == 200


def test_another_address_than_loopback_needs_a_door(model_directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", str(model_directory), "--host", "0.0.0.0"]) == 2  # noqa: S104 (what is tested)
    assert "nothing says who may ask" in capsys.readouterr().err


def test_a_web_page_cannot_reach_a_local_server_by_a_name_of_its_own(server: Any) -> None:
    response = ask(server, Host="evil.example")
    assert response.status_code == 421
    assert ask(server, Host="localhost:1234").status_code == 200


def test_every_response_carries_the_security_headers_and_none_opens_cors(server: Any) -> None:
    for response in (ask(server, Origin="https://evil.example"), server.health(), ask(server, Host="evil.example")):
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert "server" not in {name.lower() for name in response.headers}
        assert not [name for name in response.headers if name.lower().startswith("access-control")]


def test_tls_is_spoken_where_a_certificate_is_given(
    serve: Callable[..., Any], model_directory: Path, tmp_path: Path
) -> None:
    certificate, key = self_signed(tmp_path)
    server = serve(model_directory, "--tls-cert", certificate, "--tls-key", key)
    assert server.url.startswith("https://")
    response = requests.post(f"{server.url}/v1/score", json={"text": TEXT}, verify=str(certificate), timeout=10)
    assert response.status_code == 200
    assert "max-age" in response.headers["Strict-Transport-Security"]
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(server.url.replace("https", "http") + "/ping", timeout=10)


def test_a_certificate_that_cannot_be_read_stops_the_command(
    model_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = str(tmp_path / "none.pem")
    words = ["serve", str(model_directory), "--port", "0", "--tls-cert", missing, "--tls-key", missing]
    assert main(words) == 2
    assert "TLS cannot be set up" in capsys.readouterr().err
    assert main(["serve", str(model_directory), "--tls-cert", missing]) == 2


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"
