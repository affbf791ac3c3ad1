"""People are told of every step by webhook and mail; a dead or lying receiver holds up no decision and loses none."""

from __future__ import annotations

import contextlib
import email
import json
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from homologate.errors import RefusedError, ServiceError, UsageError
from homologate.settings import MailSettings, NotifySettings, WebhookSettings
from registry_promotion.channels import Channel, SendError, Webhook, channels_of, signature_of
from registry_promotion.gate import Gate
from registry_promotion.outbox import Outbox
from registry_promotion.postman import REFUSALS, Postman

SECRET = "known to both"  # pragma: allowlist secret


class Receiver:
    """A real HTTP server that remembers what it was sent and answers as it is told."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.elsewhere = ""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = outer.answers.pop(0) if outer.answers else 204
                if status < 300:
                    outer.got.append((dict(self.headers), body))
                self.send_response(status)
                if status == 307:
                    self.send_header("Location", outer.elsewhere)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook?token=very-secret"
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def events(self) -> list[tuple[str, str]]:
        return [(told["event"], told["by"]) for told in (json.loads(body) for _, body in self.got)]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    made = Receiver()
    monkeypatch.setenv("HOMOLOGATE_WEBHOOK_URL", made.url)
    monkeypatch.setenv("HOMOLOGATE_WEBHOOK_SECRET", SECRET)
    yield made
    made.stop()


@pytest.fixture
def hired(gate: Gate, tmp_path: Path) -> Callable[..., Postman]:
    """Hires a postman for the gate's ledger: with the same database, the successor of the last."""

    def hire(*channels: Channel) -> Postman:
        chosen = channels or tuple(channels_of(NotifySettings(webhook=WebhookSettings())))
        outbox = Outbox(f"sqlite:///{tmp_path / 'registry.db'}")
        return Postman(gate.ledger, outbox, chosen, contextlib.nullcontext(), address="https://mlflow.example/")

    return hire


def carried_until(postman: Postman, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "it never arrived"
        postman.carry()
        time.sleep(0.05)


def test_every_step_is_told_once_in_order_and_signed(
    gate: Gate, receiver: Receiver, hired: Callable[..., Postman], promoted: Callable[..., str]
) -> None:
    postman = hired()
    request = promoted(gate, "7")
    promoted(gate, "8")
    gate.rollback("parts", "olga", "stops good hoses")
    with pytest.raises(RefusedError):
        gate.authorise_transition("parts", "8", "Production", "rita")
    gate.break_glass("parts", "8", "Production", "ada", "the line stands still")
    gate.reject(gate.request("parts", "7", "Staging", "rita", "again").id, "bob", "why?")
    postman.carry()
    steps = [("request", "rita"), ("approval", "ann"), ("approval", "bob"), ("transition", "rita")]
    assert receiver.events == [
        *steps, *steps, ("rollback", "olga"), ("refusal", "rita"), ("break_glass", "ada"), ("request", "rita"),
        ("rejection", "bob"),
    ]  # fmt: skip
    headers, body = receiver.got[1]
    told = json.loads(body)
    assert told["address"] == f"https://mlflow.example/homologate/requests/{request}"
    assert told["reason"] == "read the reports"
    delivery, timestamp = headers["X-Homologate-Delivery"], headers["X-Homologate-Timestamp"]
    assert delivery == f"{told['ledger']['seq']}-{told['ledger']['hash'][:16]}"
    assert headers["X-Homologate-Signature"] == signature_of(SECRET, delivery, timestamp, body)
    assert headers["X-Homologate-Signature"] != signature_of("another", delivery, timestamp, body)
    assert abs(time.time() - int(timestamp)) < 60
    postman.carry()
    assert len(receiver.got) == 13, "told once"


def test_a_dead_receiver_holds_up_no_decision_and_misses_none(
    gate: Gate, receiver: Receiver, hired: Callable[..., Postman], promoted: Callable[..., str]
) -> None:
    receiver.stop()
    postman = hired()
    postman.start()
    promoted(gate, "7")
    assert gate.current("parts", "Production") == "7"
    alive = Receiver(receiver.port)
    deadline = time.monotonic() + 20
    while len(alive.got) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [event for event, _ in alive.events] == ["request", "approval", "approval", "transition"]
    alive.stop()


def test_a_restart_loses_nothing_and_an_old_ledger_is_not_told_again(
    gate: Gate, receiver: Receiver, hired: Callable[..., Postman], promoted: Callable[..., str]
) -> None:
    gate.request("parts", "8", "Staging", "rita", "from before there was a webhook")
    first = hired()
    promoted(gate, "7")
    receiver.answers = [200, 503]
    first.carry()
    assert len(receiver.got) == 1
    second = hired()  # the first died with three rows untold
    second.carry()
    assert [event for event, _ in receiver.events] == ["request", "approval", "approval", "transition"]


def test_a_postman_killed_before_it_could_note_it_down_tells_again_under_the_same_id(
    gate: Gate, receiver: Receiver, hired: Callable[..., Postman], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = hired()
    gate.request("parts", "7", "Production", "rita", "better")
    with monkeypatch.context() as killed:
        killed.setattr(Outbox, "tell", lambda *_: (_ for _ in ()).throw(OSError("killed")))
        first.carry()
    hired().carry()
    one, other = (headers["X-Homologate-Delivery"] for headers, _ in receiver.got)
    assert one == other


def test_a_receiver_that_refuses_one_notice_for_good_gets_the_next(
    gate: Gate, receiver: Receiver, hired: Callable[..., Postman], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry_promotion.postman.LONGEST_WAIT_SECONDS", 0.01)
    postman = hired()
    receiver.answers = [400] * REFUSALS
    asked = gate.request("parts", "7", "Production", "rita", "better")
    gate.approve(asked.id, "ann", "fine")
    carried_until(postman, lambda: bool(receiver.got))
    assert receiver.events == [("approval", "ann")]


def test_a_webhook_follows_no_redirect(receiver: Receiver, gate: Gate, hired: Callable[..., Postman]) -> None:
    other = Receiver()
    receiver.answers, receiver.elsewhere = [307], other.url
    postman = hired()
    gate.request("parts", "7", "Production", "rita", "better")
    postman.carry()
    assert (other.got, receiver.got) == ([], [])
    other.stop()


class Letterbox:
    """What aiosmtpd hands every message to."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.answers: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        answer = self.answers.pop(0) if self.answers else "250 OK"
        if answer.startswith("250"):
            self.got.append((envelope.rcpt_tos, email.message_from_bytes(envelope.content)))
        return answer


@pytest.fixture
def letterbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Letterbox, MailSettings]]:
    """A real mail server that wants STARTTLS and a password."""
    import ssl

    import trustme
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.setenv("HOMOLOGATE_MAIL_PASSWORD", SECRET)

    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(handled=False, success=(data.login, data.password) == (b"gate", SECRET.encode()))

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    box = Letterbox()
    server = Controller(
        box, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True, authenticator=check,
        auth_required=True,
    )  # fmt: skip
    server.start()
    settings = MailSettings(
        host="127.0.0.1",
        port=port,
        sender="gate@example.org",
        to=("ann@example.org", "bob@example.org"),
        user="gate",
    )
    yield box, settings
    server.stop()


def test_mail_reaches_everyone_over_tls_as_one_thread_a_request(
    gate: Gate, letterbox: tuple[Letterbox, MailSettings], hired: Callable[..., Postman]
) -> None:
    box, settings = letterbox
    postman = hired(*channels_of(NotifySettings(mail=settings)))
    asked = gate.request("parts", "7", "Production", "rita\r\nBcc: eve@example.org", "misses\nfewer hoses")
    gate.approve(asked.id, "ann", "read it")
    postman.carry()
    (to, first), (_, second) = box.got
    assert to == ["ann@example.org", "bob@example.org"]
    assert (
        " ".join(first["Subject"].split())
        == "[homologate] [demonstration] rita Bcc: eve@example.org asks for parts version 7 to go to Production"
    )
    assert first["Bcc"] is None
    assert f"https://mlflow.example/homologate/requests/{asked.id}" in first.get_payload()
    assert "misses\nfewer hoses" in first.get_payload().replace("\r\n", "\n")
    assert first["References"] == second["References"]
    assert first["Message-ID"] != second["Message-ID"]


def test_mail_that_is_deferred_arrives_later(
    gate: Gate,
    letterbox: tuple[Letterbox, MailSettings],
    hired: Callable[..., Postman],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("registry_promotion.postman.LONGEST_WAIT_SECONDS", 0.01)
    box, settings = letterbox
    box.answers = ["451 come back", "451 come back"]
    postman = hired(*channels_of(NotifySettings(mail=settings)))
    gate.request("parts", "7", "Production", "rita", "better")
    carried_until(postman, lambda: bool(box.got))
    assert len(box.got) == 1


def test_a_wrong_password_is_an_error_of_sending_and_is_never_said(
    gate: Gate, letterbox: tuple[Letterbox, MailSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    from registry_promotion.notices import notice_of

    monkeypatch.setenv("HOMOLOGATE_MAIL_PASSWORD", "wrong and secret")
    gate.request("parts", "7", "Production", "rita", "better")
    (channel,) = channels_of(NotifySettings(mail=letterbox[1]))
    notice = notice_of(gate.ledger.rows()[0], "")
    assert notice
    with pytest.raises(SendError, match="535") as caught:
        channel.send(notice)
    assert caught.value.final
    assert "wrong and secret" not in str(caught.value)


def test_nobody_is_told_unless_the_settings_say_so() -> None:
    assert channels_of(NotifySettings()) == []


@pytest.mark.parametrize("missing", ["HOMOLOGATE_WEBHOOK_URL", "HOMOLOGATE_WEBHOOK_SECRET"])
def test_a_variable_that_is_not_set_stops_the_start_and_is_named(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(UsageError, match=missing):
        channels_of(NotifySettings(webhook=WebhookSettings()))


@pytest.mark.parametrize(
    "url", ["http://example.org/hook?token=t0ken", "ftp://example.org/t0ken", "t0ken", "file:///etc"]
)
def test_an_address_that_would_show_the_notices_to_others_is_refused_without_being_said(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HOMOLOGATE_WEBHOOK_URL", url)
    with pytest.raises(UsageError, match="HOMOLOGATE_WEBHOOK_URL") as caught:
        Webhook(WebhookSettings())
    assert "t0ken" not in str(caught.value)


def test_the_head_of_the_ledger_is_published_by_the_same_webhook(receiver: Receiver) -> None:
    from registry_promotion.publication import post_head

    post_head({"head": "a" * 64, "rows": 12}, NotifySettings(webhook=WebhookSettings()))
    headers, body = receiver.got[0]
    assert headers["X-Homologate-Event"] == "ledger_head"
    assert (json.loads(body)["head"], json.loads(body)["rows"]) == ("a" * 64, 12)
    receiver.answers = [500]
    with pytest.raises(ServiceError, match="the webhook answered 500"):
        post_head({"head": "a" * 64, "rows": 12}, NotifySettings(webhook=WebhookSettings()))
