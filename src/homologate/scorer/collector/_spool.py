"""The spool: lines appended to a file of this process until the file is full or old, then left for the shipper.

    <segment>.new      just made, not yet locked                 nobody looks at it
    <segment>.open     the file being written; its writer holds its lock (flock)
    <segment>.ready    whole, on the disk, never written again   shipped under its own name, so shipping twice is once

A lock dies with its process, so an `.open` file nobody holds was left by a crash: `adopt` cuts off the half line at its
end and makes it `.ready`. A line is `folder TAB json` pairs joined by TABs; JSON holds no raw TAB.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["NEW", "OPEN", "READY", "Spool", "SpoolFull", "adopt", "spool_line", "write_segment"]

NEW, OPEN, READY = ".new", ".open", ".ready"
ABANDONED_SECONDS = 3600.0
"""Age at which a file nobody finished making is thrown away; no line in it was ever accepted."""


class SpoolFull(OSError):
    """The spool holds all it may: nothing was shipped for long."""


class Spool:
    """One process's place in a spool folder. Not for several threads at once.

    Args:
        folder: made where it is missing.
        roll_bytes: size at which a segment is left to the shipper.
        roll_seconds: age at which it is.
        most_bytes: what the whole folder may hold before lines are refused.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        roll_bytes: int = 4 << 20,
        roll_seconds: float = 60.0,
        most_bytes: int = 1 << 30,
    ) -> None:
        self.folder = Path(folder)
        self.roll_bytes, self.roll_seconds, self.most_bytes = roll_bytes, roll_seconds, most_bytes
        self._owner = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{secrets.token_hex(8)}"
        self._number = 0
        self._file: int | None = None
        self._path = self.folder
        self._size = 0
        self._begun = 0.0
        self._others = 0
        self._dirty = self._torn = False

    def append(self, lines: Iterable[bytes]) -> None:
        """Write lines whole: when this returns they survive the death of the process, and after `sync` of the machine.

        Raises:
            OSError: not one of them is in the spool (`SpoolFull` where it holds all it may).
        """
        data = b"".join(lines)
        file = self._opened(len(data))
        if self._torn:
            os.ftruncate(file, self._size)
        # Until all of it is written, what is beyond `_size` is taken back before anything else is: lines that are tried
        # again must not stand there twice.
        self._torn = True
        written = 0
        while written < len(data):
            written += os.write(file, memoryview(data)[written:])
        self._torn = False
        self._size += len(data)
        self._dirty = True

    def sync(self) -> None:
        """Force what was appended to the disk."""
        if self._file is not None and self._dirty:
            os.fdatasync(self._file)
            self._dirty = False

    @property
    def due(self) -> bool:
        """Whether the segment is full or old enough to be left to the shipper."""
        old = time.monotonic() - self._begun >= self.roll_seconds
        return self._file is not None and self._size > 0 and (old or self._size >= self.roll_bytes)

    def roll(self) -> None:
        """Leave the segment to the shipper; the next append begins another."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            if self._torn:
                os.ftruncate(file, self._size)
                self._torn = False
            os.fsync(file)
            if self._size:
                self._path.rename(self._path.with_suffix(READY))
            else:
                self._path.unlink()
        finally:
            os.close(file)  # where it failed, the segment is `.open` and unlocked: `adopt` makes it whole

    def forked(self) -> None:
        """In a child process: leave the parent's segment alone and begin one of our own."""
        if self._file is not None:
            os.close(self._file)  # the parent's lock stays: it belongs to the open file, which the parent still holds
            self._file = None
        self._owner = f"{self._owner[:16]}{secrets.token_hex(8)}"

    def _opened(self, more: int) -> int:
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._others = sum(size for _, size in _sizes(self.folder))
        if self._others + self._size + more > self.most_bytes:
            self._others = sum(size for path, size in _sizes(self.folder) if path != self._path)
            if self._others + self._size + more > self.most_bytes:
                raise SpoolFull(f"the spool {self.folder} holds {self._others + self._size} bytes")
        if self._file is None:
            self._number += 1
            fresh = self.folder / f"{self._owner}-{self._number:06d}{NEW}"
            file = os.open(fresh, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(file, fcntl.LOCK_EX)
            self._path = fresh.with_suffix(OPEN)
            fresh.rename(self._path)
            self._file, self._size, self._begun = file, 0, time.monotonic()
        return self._file


def spool_line(pairs: Iterable[tuple[str, str]]) -> bytes:
    """One line from `(folder, JSON)` pairs."""
    return "\t".join(part for pair in pairs for part in pair).encode() + b"\n"


def write_segment(folder: str | os.PathLike[str], name: str, lines: Iterable[bytes]) -> None:
    """Put a whole segment of a given name into the spool, for a job whose parts may be made twice.

    Made again under the same name it replaces itself, and once shipped its name is taken in the store: so a part
    redone after a crash, or made by two at once, is stored once, if its lines are the same.

    Raises:
        OSError: nothing was written.
    """
    top = Path(folder)
    top.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = top / f"{name}-{secrets.token_hex(4)}{NEW}"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.writelines(lines)
        out.flush()
        os.fsync(out.fileno())
    fresh.rename(top / f"{name}{READY}")


def adopt(folder: str | os.PathLike[str]) -> list[Path]:
    """Make whole what crashed writers left, and return the segments that are ready, oldest name first."""
    for path in Path(folder).glob(f"*{NEW}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()
    for path in sorted(Path(folder).glob(f"*{OPEN}")):
        with contextlib.suppress(FileNotFoundError), open(path, "r+b") as segment:
            try:
                fcntl.flock(segment, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its writer lives
            whole = _whole(segment.fileno())
            os.ftruncate(segment.fileno(), whole)
            os.fsync(segment.fileno())
            if whole:
                path.rename(path.with_suffix(READY))
            else:
                path.unlink()
    return sorted(Path(folder).glob(f"*{READY}"))


def _whole(file: int) -> int:
    """The size up to the last line end."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - 65536)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _sizes(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            yield path, path.stat().st_size
