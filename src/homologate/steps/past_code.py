"""The code a version was trained by, where it is at hand: this tree, or its commit checked out beside it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from homologate.errors import StorageError
from homologate.tracking._provenance import PROJECT_ROOT, Provenance

__all__ = ["PastCode", "code_of"]


class PastCode(NamedTuple):
    """A tree to run, and how near it is to the code that trained.

    Attributes:
        folder: the top of the tree.
        exact: whether it is that code, byte for byte.
        note: what it is, for a person.
    """

    folder: Path
    exact: bool
    note: str


@contextmanager
def code_of(commit: str | None, dirty: bool, now: Provenance, scratch: Path) -> Iterator[PastCode]:
    """The tree of `commit` while the block runs.

    Args:
        commit: what the provenance names; None outside a repository.
        dirty: whether that tree had changes nobody committed.
        now: the tree that runs this.
        scratch: a folder in which the commit may be checked out.

    Raises:
        StorageError: the commit is known here, but cannot be checked out.
    """
    lost = ", without the changes that were never committed" if dirty else ""
    if commit is None or not _known(commit):
        name = f"commit {commit[:12]} is not in this repository" if commit else "no commit was recorded"
        yield PastCode(PROJECT_ROOT, False, f"{name}, so the code of today was run")
    elif commit == now.commit and not now.dirty:
        yield PastCode(PROJECT_ROOT, not dirty, f"this very tree, commit {commit[:12]}{lost}")
    else:
        folder = scratch / f"code-{commit[:12]}"
        _git("worktree", "add", "--detach", "--force", str(folder), commit)
        try:
            yield PastCode(folder, not dirty, f"commit {commit[:12]}, checked out for this{lost}")
        finally:
            _git("worktree", "remove", "--force", str(folder))


def _known(commit: str) -> bool:
    try:
        _git("cat-file", "-e", f"{commit}^{{commit}}")
    except StorageError:
        return False
    return True


def _git(*words: str) -> None:
    try:
        subprocess.run(["git", "-C", str(PROJECT_ROOT), *words], capture_output=True, text=True, check=True)  # noqa: S603, S607 (git is found where the user has it; the words are ours)
    except subprocess.CalledProcessError as error:
        raise StorageError(f"git {words[0]} failed: {error.stderr.strip()}", place=str(PROJECT_ROOT)) from error
    except OSError as error:
        raise StorageError(f"git cannot be run: {error.strerror}", place=str(PROJECT_ROOT)) from error
