"""A store: names and bytes. A name is written once and then holds the same bytes until it is forgotten or expires."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from homologate.errors import StorageError

__all__ = ["FolderStore", "HeldStore", "Store"]


class Store(Protocol):
    """What a place for collected lines must do. Every method raises `StorageError` where the place will not."""

    def names(self, prefix: str = "") -> Iterator[str]:
        """Every name that begins with `prefix` (which is empty or ends with `/`), sorted."""

    def read(self, name: str) -> bytes:
        """The bytes under a name."""

    def put(self, name: str, data: bytes) -> bool:
        """Write all or nothing; False where the name is taken, whose bytes then stay."""

    def replace(self, name: str, data: bytes) -> None:
        """Write all or nothing over what is there."""

    def delete(self, name: str) -> None:
        """Take a name away; nothing happens where it is gone already."""


class HeldStore:
    """Files in memory: what was found in a spool or already fetched, read as a store is."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def names(self, prefix: str = "") -> Iterator[str]:
        """See `Store`."""
        return (name for name in sorted(self.files) if name.startswith(prefix))

    def read(self, name: str) -> bytes:
        """See `Store`."""
        return self.files[name]

    def put(self, name: str, data: bytes) -> bool:
        """See `Store`."""
        return self.files.setdefault(name, data) is data

    def replace(self, name: str, data: bytes) -> None:
        """See `Store`."""
        self.files[name] = data

    def delete(self, name: str) -> None:
        """See `Store`."""
        self.files.pop(name, None)


class FolderStore:
    """A folder. Files appear whole: written beside their place, forced to the disk, then renamed."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    def __str__(self) -> str:
        return str(self.folder)

    def names(self, prefix: str = "") -> Iterator[str]:
        """See `Store`."""
        top = self.folder / prefix
        for folder, folders, files in os.walk(top, onerror=self._unlisted):
            folders.sort()
            inside = Path(folder).relative_to(self.folder).as_posix()
            for file in sorted(files):
                if file.endswith(".jsonl"):
                    yield f"{inside}/{file}"

    def read(self, name: str) -> bytes:
        """See `Store`."""
        with self._faults(name):
            return (self.folder / name).read_bytes()

    def put(self, name: str, data: bytes) -> bool:
        """See `Store`."""
        target = self.folder / name
        if target.exists():
            return False
        self.replace(name, data)
        return True

    def replace(self, name: str, data: bytes) -> None:
        """See `Store`."""
        target = self.folder / name
        scratch = target.with_suffix(".part")
        with self._faults(name):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(scratch, "wb") as out:
                    out.write(data)
                    out.flush()
                    os.fsync(out.fileno())
                os.replace(scratch, target)
                _force(target.parent)
            finally:
                scratch.unlink(missing_ok=True)

    def delete(self, name: str) -> None:
        """See `Store`."""
        with self._faults(name):
            (self.folder / name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _faults(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"the store will not: {error.strerror or error}",
                place=str(self.folder / name),
                next_command="df -h; ls -ld  # space and permissions",
            ) from error

    def _unlisted(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise StorageError(f"cannot list: {error.strerror}", place=str(error.filename)) from error


def _force(folder: Path) -> None:
    """Force a rename to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
