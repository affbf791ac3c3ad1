"""What a killed job leaves behind, and how it goes on.

`<out>.parts/` holds `job.json`, which says what the job was, and for each chunk of the input a part of the output, a
part of the rejects, and last a note that says both are whole. A part without its note is written again. Chunks are
numbered by the rows of the input, so no row is lost and none is doubled.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homologate.errors import UsageError

__all__ = ["Parts"]


class Parts:
    """The folder of one job.

    Args:
        out: the file the job makes.
        job: what decides every byte of it.
        restart: whether to throw away what another job left.

    Raises:
        UsageError: the folder holds another job.
    """

    def __init__(self, out: Path, job: Mapping[str, Any], *, restart: bool) -> None:
        self.folder = out.with_name(out.name + ".parts")
        file = self.folder / "job.json"
        if restart:
            shutil.rmtree(self.folder, ignore_errors=True)
        if file.exists():
            before = json.loads(file.read_text(encoding="utf-8"))
            if before != job:
                changed = ", ".join(name for name in job if before.get(name) != job[name])
                raise UsageError(
                    f"an unfinished job of another kind lies there ({changed} differ)",
                    place=str(self.folder),
                    legal="the same input, model and options",
                    next_command="the same command with --restart  # throws the unfinished job away",
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            self._keep(file, json.dumps(job, indent=2))

    @property
    def done(self) -> int:
        """How many chunks are whole, from the first on without a gap."""
        number = 0
        while self._note(number).exists():
            number += 1
        return number

    def rows(self, number: int) -> Path:
        """The output part of a chunk."""
        return self.folder / f"{number:08d}.rows"

    def rejects(self, number: int) -> Path:
        """The rejects part of a chunk."""
        return self.folder / f"{number:08d}.rejects"

    def finish(self, number: int, counts: Mapping[str, Any]) -> None:
        """Say that both parts of a chunk are whole and on the disk."""
        for part in (self.rows(number), self.rejects(number)):
            _sync(part)
        self._keep(self._note(number), json.dumps(counts))

    def counts(self) -> list[dict[str, Any]]:
        """What was noted about each whole chunk."""
        return [json.loads(self._note(number).read_text(encoding="utf-8")) for number in range(self.done)]

    def publish(self, finished: Path, out: Path) -> None:
        """Put a finished file in its place."""
        _sync(finished)
        finished.replace(out)

    def remembered(self, name: str, first: str) -> str:
        """What the job noted under `name` when it began: `first`, unless it began before."""
        file = self.folder / name
        if not file.exists():
            self._keep(file, first)
        return file.read_text(encoding="utf-8")

    def clear(self) -> None:
        """Throw the folder away."""
        shutil.rmtree(self.folder)

    def _note(self, number: int) -> Path:
        return self.folder / f"{number:08d}.json"

    def _keep(self, file: Path, text: str) -> None:
        scratch = file.with_suffix(".new")
        scratch.write_text(text, encoding="utf-8")
        _sync(scratch)
        scratch.replace(file)


def _sync(file: Path) -> None:
    with file.open("rb") as written:
        os.fsync(written.fileno())
