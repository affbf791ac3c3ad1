"""The body of a request, read within bounds: bytes, seconds and encodings."""

from __future__ import annotations

import asyncio
from typing import Protocol

from starlette.types import Receive

from homologate.errors import DataError
from serve.http._limits import Limits
from serve.http._problem import Left, Problem

__all__ = ["read_body"]

POLITE = 16
"""How many times the limit is read and thrown away, so that a client still sending hears why it was refused."""


class Incoming(Protocol):
    """A request whose body is to come, or is here: `whole`."""

    receive: Receive
    whole: bytes | None

    def said(self, name: bytes, default: str = "") -> str:
        """One field of the header as text."""


async def read_body(asked: Incoming, limits: Limits) -> bytes:
    """Read the whole body; never keep more than `limits.body_bytes` of it.

    Raises:
        Problem: 413, it is longer; 408, it comes too slowly; 415, it is compressed; 400, its length is no number.
        Left: the client went away.
    """
    encoding = asked.said(b"content-encoding", "identity").lower()
    if encoding != "identity":
        # A kilobyte of gzip can be a gigabyte of text; nobody sends descriptions that need it.
        error = DataError(f"the body is encoded as {encoding!r:.60}", place="header Content-Encoding", legal="identity")
        raise Problem(415, error, close=True)
    if asked.whole is not None:
        if len(asked.whole) > limits.body_bytes:
            raise _too_long(limits)
        return asked.whole
    told = asked.said(b"content-length", "0")
    if told.isdecimal() and int(told) > limits.body_bytes and "100-continue" in asked.said(b"expect").lower():
        raise _too_long(limits)
    kept = bytearray()
    seen, more = 0, True
    try:
        async with asyncio.timeout(limits.patience):
            while more:
                message = await asked.receive()
                if message["type"] == "http.disconnect":
                    raise Left
                piece, more = message.get("body", b""), message.get("more_body", False)
                seen += len(piece)
                if seen <= limits.body_bytes:
                    kept += piece
                elif seen > limits.body_bytes * POLITE:
                    raise _too_long(limits)
                else:
                    kept.clear()
    except TimeoutError:
        error = DataError(
            f"{seen} bytes of the body came in {limits.patience:g} s",
            place="body",
            legal=f"the whole body within {limits.patience:g} s (--patience)",
        )
        raise Problem(408, error, close=True) from None
    if seen > limits.body_bytes:
        raise _too_long(limits)
    return bytes(kept)


def _too_long(limits: Limits) -> Problem:
    legal = f"at most {limits.body_bytes} bytes (--max-body)"
    error = DataError("the body is too long", place="body", legal=legal, next_command="send fewer texts at a time")
    return Problem(413, error, close=True)
