"""API keys: random secrets, of which only hashes are kept.

A key is 256 bits from the operating system, so a plain SHA-256 of it cannot be searched; a slow hash would protect
guessable secrets, which these are not. The file holds one `name hash` a line and is read again whenever it changes,
so a key is withdrawn by deleting its line.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from homologate.errors import StorageError, UsageError

__all__ = ["PREFIX", "KeyFile", "add_key"]

PREFIX = "hk_"
"""How every key begins, so that it is told from a bearer token and found by secret scanners."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
_LINE = re.compile(rf"(?P<name>{_NAME.pattern}) (?P<hash>[0-9a-f]{{64}})")


class KeyFile:
    """The callers a key file knows.

    Raises:
        UsageError: the file is missing or a line is not `name hash`.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._callers: dict[str, str] = {}
        self._read_at: tuple[int, int] = (-1, -1)
        self._refresh(strict=True)

    def caller(self, key: str) -> str | None:
        """The name of the caller who holds `key`, or None. Time does not depend on how much of a key is right."""
        self._refresh(strict=False)
        return self._callers.get(_hash(key))

    def _refresh(self, *, strict: bool) -> None:
        try:
            about = self.file.stat()
            if (about.st_mtime_ns, about.st_size) == self._read_at:
                return
            self._callers = _read(self.file)
            self._read_at = (about.st_mtime_ns, about.st_size)
        except (OSError, UsageError) as error:
            if strict:
                if isinstance(error, UsageError):
                    raise
                legal = "a file made by `homologate key`"
                raise UsageError(f"no key file: {error.strerror}", place=str(self.file), legal=legal) from error
            # A file being rewritten must not lock everybody out; one that was deleted must.
            if not self.file.exists():
                self._callers, self._read_at = {}, (-1, -1)


def add_key(file: Path, name: str) -> str:
    """Make a key for `name`, keep its hash in `file`, and return the key. It cannot be shown again.

    Raises:
        UsageError: the name is illegal or taken.
        StorageError: the file cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"no caller name {name!r}", legal="letters, digits, . _ @ - (at most 100)")
    if file.exists() and name in _read(file).values():
        raise UsageError(f"{name!r} has a key already", place=str(file), next_command="delete its line to withdraw it")
    key = PREFIX + secrets.token_urlsafe(32)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "a", encoding="utf-8") as sink:
            sink.write(f"{name} {_hash(key)}\n")
    except OSError as error:
        raise StorageError(f"the key file cannot be written: {error.strerror}", place=str(file)) from error
    return key


def _read(file: Path) -> dict[str, str]:
    callers = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise UsageError(
                "not a caller and a hash", place=f"{file}, line {number}", legal="lines of `homologate key`"
            )
        callers[match["hash"]] = match["name"]
    return callers


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
