"""What a form sends: fields and at most one small file, read within bounds."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser
from typing import NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import Request

from homologate.errors import DataError
from serve.http import Limits, Problem, read_body

__all__ = ["FORM_LIMITS", "Form", "read_form"]

FORM_LIMITS = Limits(body_bytes=512 << 10, deadline=60.0)
MOST_FIELDS = 20
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


class Form(NamedTuple):
    """The fields as texts, white space around them removed, and the uploaded files that are not empty, as bytes."""

    fields: dict[str, str]
    files: dict[str, bytes]

    def said(self, name: str, most: int) -> str:
        """One field; empty where it is missing.

        Raises:
            Problem: 413, it has more than `most` characters.
        """
        value = self.fields.get(name, "")
        if len(value) > most:
            legal = f"at most {most} characters"
            raise Problem(413, DataError(f"{len(value)} characters", place=f"field {name}", legal=legal))
        return value


async def read_form(request: Request) -> Form:
    """Read the form of a request.

    Raises:
        Problem: 400, it is no form in UTF-8; 408, 413, 415 as `serve.http.read_body`.
    """
    body = await read_body(_Incoming(request), FORM_LIMITS)
    kind = request.headers.get("content-type", "")
    try:
        if kind.partition(";")[0].strip().lower() == MULTIPART:
            return _multipart(kind, body)
        if kind.partition(";")[0].strip().lower() != URLENCODED:
            raise Problem(
                415, DataError("that is no form", place="header Content-Type", legal=f"{URLENCODED}, {MULTIPART}")
            )
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except (ValueError, LookupError) as error:
        raise Problem(400, DataError("the form cannot be read", place="body", legal="a form in UTF-8")) from error
    return Form({name: _plain(value) for name, value in pairs}, {})


def _multipart(kind: str, body: bytes) -> Form:
    """The standard library's mail parser reads what browsers send: both are MIME."""
    message = BytesParser(policy=policy.HTTP).parsebytes(
        b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body
    )
    if not message.is_multipart():
        raise ValueError("no parts")
    form = Form({}, {})
    for part in message.iter_parts():
        name, content = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(content, bytes) or len(form.fields) >= MOST_FIELDS:
            raise ValueError("a part without a name")
        if part.get_filename() is None:
            form.fields[name] = _plain(content.decode("utf-8"))
        elif content:
            form.files[name] = content
    return form


def _plain(value: str) -> str:
    """Forms send lines with CR LF; a text has the line feeds that were typed."""
    return value.replace("\r\n", "\n").strip()


class _Incoming:
    whole: bytes | None = None

    def __init__(self, request: Request) -> None:
        self.receive, self._headers = request.receive, request.headers

    def said(self, name: bytes, default: str = "") -> str:
        return self._headers.get(name.decode("ascii"), default)
