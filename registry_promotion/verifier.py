"""Verify an exported ledger offline: `python verifier.py export.jsonl --published heads.txt`. Needs only Python.

This one file is all an auditor needs: it imports nothing but the standard library and knows neither MLflow nor this
project. One line of an export is one row:

    {"hash":"<64 hex>","row":{"previous":"<64 hex>","seq":<number>, … the rest of the row …}}

`hash` is the SHA-256 of the bytes of the row as they stand there. `previous` is the hash of the row before; the first
row has 64 zeros. `seq` counts from 1. So an edited row no longer has its hash, and a row dropped, inserted or moved
breaks the chain at its place.

What this does not prove: whoever can rewrite the whole ledger can make a new chain that is consistent in itself, and a
chain whose last rows were cut off is consistent too. Both are found by a head that was published elsewhere (a git tag,
an e-mail, another machine): give it with --head, or a file of them with --published. And a chain says nothing of
whether what it records is true.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

__all__ = ["FIRST", "READ_AT_ONCE", "Verdict", "heads_in", "line_of", "main", "verify"]

READ_AT_ONCE = 1 << 20
"""Bytes of an export to read at once; small reads cost as much as the hashing."""
FIRST = "0" * 64
"""What the first row names as the hash before it."""

_START, _END = b'{"hash":"%b","row":{"previous":"%b","seq":%d,', b"}\n"
_ROW = slice(len('{"hash":"') + 64 + len('","row":'), -len(_END))
_NUMBER = slice(_ROW.start + len('{"previous":"') + 64 + len('","seq":'), None)


class Verdict(NamedTuple):
    """What was found.

    Attributes:
        ok: whether every row is in its place and unchanged, and the published head, if given, is one of them.
        rows: how many rows were good before the first fault, or all.
        head: the hash of the last good row.
        sentence: for a person.
    """

    ok: bool
    rows: int
    head: str
    sentence: str


def line_of(row: bytes, digest: str) -> bytes:
    """One line of an export, without the line break.

    Args:
        row: the bytes of the row, which begin with its previous hash and its number.
        digest: their SHA-256 in hex.
    """
    return b'{"hash":"%b","row":%b}' % (digest.encode(), row)


def verify(lines: Iterable[bytes], *heads: str | None) -> Verdict:
    """Check every row of an export and name the first fault.

    Args:
        lines: of the export, with or without line breaks.
        heads: hashes that were published; each must be in the chain. None is no hash.
    """
    previous, number = FIRST.encode(), 0
    published = {head.encode() for head in heads if head is not None}
    missing = published - {previous}
    for number, line in enumerate(lines, start=1):
        if line[-1:] != b"\n":
            line += b"\n"
        digest = sha256(line[_ROW]).hexdigest().encode()
        if not line.startswith(_START % (digest, previous, number)) or line[-2:] != _END:
            return _fault(line, digest, previous, number)
        previous = digest
        if digest in missing:
            missing.discard(digest)
    last = previous.decode()
    if missing:
        one = min(missing).decode()
        others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        sentence = (
            f"the published head {one}{others} is not in this ledger: rows were cut off, or all of it was rewritten"
        )
        return Verdict(False, number, last, sentence)
    if not published:
        sentence = f"{number} rows are one unbroken chain; only a published head can tell whether it is the whole one"
    else:
        after = "" if previous in published else ", and rows were added since"
        which = "the published head" if len(published) == 1 else f"all {len(published)} published heads"
        sentence = f"{number} rows are one unbroken chain that holds {which}{after}"
    return Verdict(True, number, last, sentence)


def heads_in(text: str) -> list[str]:
    """The hashes in a text of published heads: on each line a hash, or `{"head": "<hash>", …}`.

    Raises:
        ValueError: a line holds neither.
    """
    found = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        told = str(json.loads(line).get("head", "")) if line.lstrip().startswith("{") else line
        head = told.strip().lower()
        if len(head) != 64 or set(head) - set("0123456789abcdef"):
            raise ValueError(f"line {number}: {line[:80]!r} is not a hash of 64 hex digits")
        found.append(head)
    return found


def _fault(line: bytes, digest: bytes, previous: bytes, number: int) -> Verdict:
    """Say which kind of fault the first bad line is."""
    told = line[_NUMBER].split(b",", 1)[0]
    if not line.startswith(b'{"hash":"') or line[-2:] != _END or not told.isdigit():
        why = f"line {number} is not a row of a ledger: it was cut short or edited"
    elif line[9:73] != digest:
        why = f"row {number} was edited: its bytes do not have its hash"
    elif int(told) > number:
        why = f"row {number} is missing: row {int(told)} stands in its place"
    elif int(told) < number:
        why = f"row {int(told)} stands where row {number} should be: rows were moved or inserted"
    else:
        why = f"row {number} does not follow the row before it: one of them was replaced or inserted"
    return Verdict(False, number - 1, previous.decode(), why)


def main(words: list[str] | None = None) -> int:
    """Verify a file; 0 if it holds, 1 if it does not, 2 if it cannot be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", help="the file `homologate audit export` wrote")
    parser.add_argument("--head", action="append", default=[], help="a hash of the ledger that was published elsewhere")
    parser.add_argument("--published", help="a file of them, one a line")
    asked = parser.parse_args(words)
    try:
        heads = heads_in("\n".join(asked.head))
        if asked.published:
            with open(asked.published, encoding="utf-8") as published:
                heads += heads_in(published.read())
        with open(asked.export, "rb", buffering=READ_AT_ONCE) as lines:
            verdict = verify(lines, *heads)
    except OSError as error:
        print(f"cannot read {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"published heads, {error}", file=sys.stderr)
        return 2
    print(f"{'ok' if verdict.ok else 'FAULT'}: {verdict.sentence}")
    print(f"rows {verdict.rows}, head {verdict.head}")
    return 0 if verdict.ok else 1


if __name__ == "__main__":
    sys.exit(main())
