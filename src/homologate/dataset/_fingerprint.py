"""One digest for the content of a frame."""

from __future__ import annotations

import hashlib
import json

import pandas as pd

__all__ = ["fingerprint"]

COVERED = ("id", "text", "label", "date", "component", "manufacturer", "cause_start", "cause_end")
"""What makes rows what they are. Where they were read from, and how they were later split, does not."""


def fingerprint(frame: pd.DataFrame) -> str:
    """The SHA-256 over the rows of a canonical frame.

    It is independent of the order of rows and columns, of the file's name, and of the split; it changes with any
    value of any row.

    Returns:
        `sha256:` and 64 hex digits.
    """
    columns = [frame[name].tolist() for name in COVERED]
    digest = hashlib.sha256()
    for line in sorted(json.dumps(row, ensure_ascii=True) for row in zip(*columns, strict=True)):
        digest.update(line.encode("ascii") + b"\n")
    return f"sha256:{digest.hexdigest()}"
