"""Keep one package answering: start it, follow an installation, go back when the new one does not come up.

start ──► current ── ready ──► answers until another is installed, it dies (started again), or SIGTERM
             │
             └── refused, broken or dead before it is ready ──► the previous one becomes current ──► start
"""

from __future__ import annotations

import contextlib
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from ._faults import BrokenFault, RefusedFault
from ._home import Home
from ._package import open_package

__all__ = ["supervise"]

READY_SECONDS = 120.0
LOOK_SECONDS = 0.5
"""How soon an installation is followed."""
LONGEST_PAUSE = 30.0


def supervise(home: Home, seed: Path | None, words: list[str], say: Callable[..., None]) -> int:
    """Serve whatever is current until SIGTERM.

    Args:
        home: what is installed.
        seed: the package that came with the image; installed where it is not the one that came last time.
        words: arguments of `serve`.
        say: one event of the log.

    Returns:
        0 after SIGTERM.

    Raises:
        BrokenFault: no package comes up, and there is none to go back to.
    """
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if seed:
        _plant(home, seed, say)
    pause = 1.0
    while not stopping.is_set():
        digest = home.state.current
        if digest is None:
            raise BrokenFault("no package is installed", place=str(home.folder), next_command="install PACKAGE")
        child = _started(home, digest, words)
        if not _ready(child, stopping):
            _end(child)
            if stopping.is_set():
                break
            say("did not come up", package=digest)
            back = home.roll_back("it did not come up")
            say("rolled back", package=back)
            continue
        say("serving", package=digest)
        begun = time.monotonic()
        while child.poll() is None and not stopping.is_set() and home.state.current == digest:
            stopping.wait(LOOK_SECONDS)
        died = child.poll() is not None
        _end(child)
        if died and not stopping.is_set():
            pause = 1.0 if time.monotonic() - begun > 60 else min(pause * 2, LONGEST_PAUSE)
            say("died", package=digest, exit_code=child.returncode, again_in_s=pause)
            stopping.wait(pause)
    return 0


def _plant(home: Home, seed: Path, say: Callable[..., None]) -> None:
    """Install the package of the image once; one that was found wanting is not tried again."""
    try:
        digest = open_package(seed, home.trusted).digest
        if digest != home.state.seed:
            home.install(seed, older=True, seed=True)
            say("installed", package=digest)
    except (RefusedFault, BrokenFault) as fault:
        if home.state.current is None:
            raise
        say("the image's package was not taken", **fault.as_json()["error"])


def _started(home: Home, digest: str, words: list[str]) -> subprocess.Popen[str]:
    program = str(home.place(digest) / "package" / "edge.pyz")
    places = ["--home", str(home.folder), "--trusted", str(home.trusted)]
    return subprocess.Popen(  # noqa: S603 (the package verifies itself before it answers)
        [sys.executable, "-I", program, "serve", *places, *words], stdout=subprocess.PIPE, text=True
    )


def _ready(child: subprocess.Popen[str], stopping: threading.Event) -> bool:
    """Whether the child said so in time; its first line of output is what it says."""
    assert child.stdout is not None  # noqa: S101 (asked for above)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and not stopping.is_set():
        if select.select([child.stdout], [], [], LOOK_SECONDS)[0]:
            return child.stdout.readline().startswith("ready")
    return False


def _end(child: subprocess.Popen[str]) -> None:
    """SIGTERM, time to finish, and at last SIGKILL."""
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(timeout=30)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout:
        child.stdout.close()
