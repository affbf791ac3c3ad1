"""How a notice leaves the house: a signed webhook, or a mail. Each sends one notice or raises `SendError`.

Secrets come from environment variables that the settings name; a settings file never holds one. A webhook follows no
redirect and speaks plain HTTP to this machine alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, NoReturn, Protocol
from urllib.parse import urlsplit

from homologate.errors import UsageError

if TYPE_CHECKING:
    import smtplib

    from homologate.settings import MailSettings, NotifySettings, WebhookSettings
    from registry_promotion.notices import Notice

__all__ = ["Channel", "Mail", "SendError", "Webhook", "channels_of", "signature_of"]

PATIENCE_SECONDS = 10.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
TRY_LATER = frozenset({408, 425, 429})
"""Statuses below 500 that another try may change."""


class SendError(Exception):
    """A notice could not be sent. The postman's affair: no user ever meets it.

    Attributes:
        problem: why.
        final: the receiver refused this very notice; sending it again will not help.
    """

    def __init__(self, problem: str, *, final: bool = False) -> None:
        super().__init__(problem)
        self.problem, self.final = problem, final


class Channel(Protocol):
    """Somewhere notices go.

    Attributes:
        name: by which its progress is remembered.
    """

    name: str

    def send(self, notice: Notice) -> None:
        """Send one notice.

        Raises:
            SendError: it was not taken.
        """
        ...


def channels_of(settings: NotifySettings) -> list[Channel]:
    """The channels the settings turn on; none by default.

    Raises:
        UsageError: an environment variable they name is not set, or an address is not one.
    """
    found: list[Channel] = []
    if settings.webhook is not None:
        found.append(Webhook(settings.webhook))
    if settings.mail is not None:
        found.append(Mail(settings.mail))
    return found


class Webhook:
    """POSTs JSON, signed as MLflow signs its own webhooks: one receiver checks both.

    `X-Homologate-Signature` is `v1,` and the base64 of HMAC-SHA256 over `delivery.timestamp.body`, where delivery and
    timestamp are the headers `X-Homologate-Delivery` (the same whenever a notice is sent again) and
    `X-Homologate-Timestamp` (seconds since 1970).

    Raises:
        UsageError: a variable is not set, or the address is neither https nor on this machine.
    """

    name = "webhook"

    def __init__(self, settings: WebhookSettings) -> None:
        self._url = _variable(settings.url_variable, "promotion.notify.webhook.url_variable")
        self._secret = _variable(settings.secret_variable, "promotion.notify.webhook.secret_variable")
        parts = urlsplit(self._url)
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme, parts.hostname in LOOPBACK) == ("http", True)
        ):
            raise UsageError(
                f"${settings.url_variable} is not the address of a webhook",  # never said: it may hold a token
                legal="https://…, or http:// on this machine",
            )

    def send(self, notice: Notice) -> None:
        """Send one notice (see `Channel`)."""
        self.post(notice.id, notice.event, notice.facts)

    def post(self, delivery: str, event: str, facts: Any) -> None:
        """POST `facts` as one signed event."""
        body, now = json.dumps(facts, ensure_ascii=False).encode(), str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "homologate",
            "X-Homologate-Event": event,
            "X-Homologate-Delivery": delivery,
            "X-Homologate-Timestamp": now,
            "X-Homologate-Signature": signature_of(self._secret, delivery, now, body),
        }
        asked = urllib.request.Request(self._url, data=body, headers=headers)  # noqa: S310 (checked when opened)
        try:
            with urllib.request.build_opener(_NoRedirect).open(asked, timeout=PATIENCE_SECONDS):
                pass
        except urllib.error.HTTPError as error:
            final = 300 <= error.code < 500 and error.code not in TRY_LATER
            raise SendError(f"the webhook answered {error.code}", final=final) from None
        except OSError as error:
            raise SendError(f"no webhook answers: {getattr(error, 'reason', error)}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def signature_of(secret: str, delivery: str, timestamp: str, body: bytes) -> str:
    """What `X-Homologate-Signature` says of a body."""
    signed = hmac.new(secret.encode(), f"{delivery}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(signed.digest()).decode()}"


class Mail:
    """Sends plain-text mail over SMTP; notices about one request are one thread.

    Raises:
        UsageError: the variable that holds the password is not set.
    """

    name = "mail"

    def __init__(self, settings: MailSettings) -> None:
        self._settings = settings
        where = "promotion.notify.mail.password_variable"
        self._password = _variable(settings.password_variable, where) if settings.user else ""

    def send(self, notice: Notice) -> None:
        """Send one notice (see `Channel`)."""
        import smtplib

        try:
            with self._server() as server:
                server.send_message(self._message(notice))
        except smtplib.SMTPRecipientsRefused as error:
            self._refused(f"the mail server takes none of {', '.join(error.recipients)}", error.recipients.values())
        except smtplib.SMTPResponseException as error:
            raise SendError(f"the mail server answered {error.smtp_code}", final=error.smtp_code // 100 == 5) from None
        except (OSError, smtplib.SMTPException) as error:
            where = f"{self._settings.host}:{self._settings.port}"
            raise SendError(f"no mail server takes it at {where}: {error}") from None

    def _server(self) -> smtplib.SMTP:
        import smtplib
        import ssl

        wanted = self._settings
        if wanted.security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                wanted.host, wanted.port, timeout=PATIENCE_SECONDS, context=ssl.create_default_context()
            )
        else:
            server = smtplib.SMTP(wanted.host, wanted.port, timeout=PATIENCE_SECONDS)
        try:
            if wanted.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if wanted.user:
                server.login(wanted.user, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _message(self, notice: Notice) -> Any:
        from email.message import EmailMessage

        domain = self._settings.sender.rpartition("@")[2]
        message = EmailMessage()
        message["From"], message["To"] = self._settings.sender, ", ".join(self._settings.to)
        message["Subject"] = f"[homologate] {notice.subject}"
        message["Message-ID"] = f"<{notice.id}@{domain}>"
        message["References"] = f"<{notice.thread}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(notice.text)
        return message

    @staticmethod
    def _refused(problem: str, answers: Any) -> NoReturn:
        raise SendError(problem, final=all(code // 100 == 5 for code, _ in answers)) from None


def _variable(name: str, field: str) -> str:
    value = os.environ.get(name, "")
    if not value:
        raise UsageError(
            f"${name} is not set", place=f"homologate.yaml, field {field}", next_command=f"export {name}=…"
        )
    return value
