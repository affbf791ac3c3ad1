"""Folders kept between runs of the suite, each built once though two processes of a run may ask at the same time."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "homologate-tests"


def kept(name: str, build: Callable[[Path], None]) -> Path:
    """The folder of that name, built where no earlier build of it ended.

    Args:
        name: says what is in it, version or digest included: what was built is never built again.
        build: fills the empty or half-built folder; whatever it raises leaves the folder to be built again.
    """
    folder = CACHE / name
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / ".built"
    with FileLock(CACHE / f"{name}.lock"):
        if not done.exists():
            build(folder)
            done.touch()
    return folder
