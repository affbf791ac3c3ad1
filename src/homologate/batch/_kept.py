"""Keep the predictions of a job: a chunk is a segment of the spool, named so that a chunk made twice is kept once."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homologate.batch._parts import Parts
from homologate.scorer import Answer
from homologate.scorer.collector import Judge, Privacy, Record, pairs, spool_line, write_segment

__all__ = ["Keep", "Keeper"]


@dataclass(frozen=True, slots=True)
class Keep:
    """Where and how predictions are kept."""

    spool: Path
    model: str
    privacy: Privacy
    component_column: str | None = None
    """Column of the input that names the component family, where it has one."""


class Keeper:
    """Keeps the predictions of one job, resumed or not, under the same ids and the same time.

    Args:
        keep: where and how.
        parts: of the job; remembers its id and its time.
        judge: who answers.
    """

    def __init__(self, keep: Keep, parts: Parts, judge: Judge) -> None:
        self._keep, self._judge = keep, judge
        self._lines: list[bytes] = []
        facts = parts.remembered("kept.json", json.dumps({"job": secrets.token_hex(16), "time": time.time()}))
        self._job, self._time = json.loads(facts).values()

    def identity(self, row: int) -> str:
        """The prediction id of a row, counted from 1 through the whole input."""
        return f"{self._job}.{row}"

    def add(self, row: int, text: str, answer: Answer, values: Mapping[str, Any]) -> None:
        """One row of the chunk at hand that was judged; `values` as read."""
        component = str(values.get(self._keep.component_column or "") or "")
        record = Record.of(self.identity(row), self._judge, self._time, text, answer, component=component)
        self._lines.append(spool_line(pairs(record, self._keep.privacy)))

    def finish(self, number: int) -> None:
        """Put what was added since the last chunk into the spool.

        Raises:
            OSError: nothing of it was kept.
        """
        lines, self._lines = self._lines, []
        if lines:
            write_segment(self._keep.spool, f"{self._job}-{number:08d}", lines)
