"""An error of this project on its way to an HTTP client: the one JSON shape, a status, and when to come back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from homologate.errors import DataError, HomologateError, ModelError, RefusedError, ServiceError, UsageError

__all__ = ["Left", "Problem", "header_lines", "problem_of"]


class Left(Exception):
    """The client went away before its answer was ready. Nobody reads the response."""


class Problem(Exception):
    """Leaves a handler as a response.

    Args:
        status: the HTTP status.
        error: what went wrong; its JSON is the body.
        retry_after: whole seconds after which asking again makes sense.
        close: whether the connection ends with this response, because the request was not read to its end.
    """

    def __init__(
        self, status: int, error: HomologateError, *, retry_after: int | None = None, close: bool = False
    ) -> None:
        self.status, self.error, self.retry_after, self.close = status, error, retry_after, close
        super().__init__(error.problem)

    @property
    def body(self) -> bytes:
        """The response body."""
        # ASCII, because half a surrogate pair in a quoted value cannot be written as UTF-8.
        return json.dumps(self.error.as_json()).encode()

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The response headers."""
        found = [(b"content-type", b"application/json"), (b"content-length", str(len(self.body)).encode())]
        if self.retry_after is not None:
            found.append((b"retry-after", str(self.retry_after).encode()))
        if self.status == 401:
            found.append((b"www-authenticate", b"Bearer"))
        if self.close:
            found.append((b"connection", b"close"))
        return found

    @property
    def lines(self) -> bytes:
        """The response headers as they are sent."""
        return header_lines(self.headers)


def header_lines(header: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Header fields as they are sent, a line each.

    Raises:
        ValueError: a control character would end a line early.
    """
    fields = list(header)
    for name, value in fields:
        if _CONTROL.search(value):
            raise ValueError(f"a control character in the header {name.decode('latin-1')}")
    return b"".join([b"%s: %s\r\n" % field for field in fields])


_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

_STATUS: dict[type[HomologateError], int] = {
    DataError: 400,
    UsageError: 400,
    RefusedError: 403,
    ModelError: 500,
    ServiceError: 503,
}


def problem_of(error: Exception) -> Problem:
    """Any exception as a Problem; one nobody foresaw is a 500 that tells the client nothing of our insides."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HomologateError):
        return Problem(_STATUS.get(type(error), 500), error)
    return Problem(
        500, HomologateError("the server failed", next_command="tell the operator this response's request id")
    )
