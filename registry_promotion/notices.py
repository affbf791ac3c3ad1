"""What people are told about a row of the ledger: one short message, the same for every channel. Pure.

A notice says who did what to which version, why, and where to read on. It never carries evidence, texts or secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from homologate.attest.statements import timestamp
from registry_promotion.ledger import Row

__all__ = ["EVENTS", "Notice", "notice_of"]

EVENTS = ("approval", "break_glass", "refusal", "rejection", "request", "rollback", "transition")
"""The kinds of row people are told about."""


@dataclass(frozen=True)
class Notice:
    """One message.

    Attributes:
        id: number and hash of the row: the same notice sent twice has the same id.
        event: one of `EVENTS`.
        subject: one line.
        text: a few lines of plain text.
        thread: what it belongs to: notices about one request share it.
        facts: the same for programs, JSON-serialisable.
    """

    id: str
    event: str
    subject: str
    text: str
    thread: str
    facts: dict[str, Any]


def notice_of(row: Row, address: str) -> Notice | None:
    """The notice of a row, or None where nobody needs telling.

    Args:
        row: of the ledger.
        address: of the server as people type it, without a trailing slash; empty where it is not known.
    """
    entry = row.entry
    if entry.kind not in EVENTS:
        return None
    request = str(row.seq if entry.kind == "request" else entry.payload.get("request", ""))
    page = _where(address, request, entry.model)
    subject = _one_line(_said(row))
    lines = [subject + ".", ""]
    if entry.reason:
        lines += [f"Why: {entry.reason}", ""]
    lines += [
        f"Bytes: {entry.digest or 'unknown'}",
        f"Row {row.seq} of the ledger, {timestamp(row.at)}",
        f"Read on: {page}",
    ]
    facts = {
        "event": entry.kind,
        "text": f"{subject}. {page}",
        "at": timestamp(row.at),
        "by": entry.who,
        "model": entry.model,
        "version": entry.version,
        "stage": entry.stage,
        "digest": entry.digest,
        "reason": entry.reason,
        "request": request or None,
        "address": page,
        "ledger": {"seq": row.seq, "hash": row.hash},
        "demonstration": bool(entry.payload.get("demonstration", False)),
    }
    thread = f"request-{request}" if request else f"row-{row.seq}"
    return Notice(f"{row.seq}-{row.hash[:16]}", entry.kind, subject, "\n".join(lines), thread, facts)


def _said(row: Row) -> str:
    """What happened, as one sentence without its full stop."""
    entry = row.entry
    what, who = f"{entry.model} version {entry.version}", entry.who or "nobody logged in"
    told = {
        "request": f"{who} asks for {what} to go to {entry.stage}",
        "approval": f"{who} approved {what} for {entry.stage}",
        "rejection": f"{who} rejected {what} for {entry.stage}",
        "refusal": f"{what} was refused at {entry.stage}",
        "transition": f"{what} is in {entry.stage}",
        "rollback": f"{what} is back in Production: {who} rolled back",
        "break_glass": f"THE GLASS WAS BROKEN: {who} put {what} into {entry.stage} without a decision",
    }[entry.kind]
    return f"[demonstration] {told}" if entry.payload.get("demonstration") else told


def _where(address: str, request: str, model: str) -> str:
    """Where to read on: a page, or the command where nobody said how the pages are reached."""
    if not address:
        return f"homologate request --show {request}" if request else f"homologate history {model}"
    return f"{address}/homologate/" + (f"requests/{request}" if request else f"models/{model}")


def _one_line(text: str) -> str:
    return " ".join(text.split())
