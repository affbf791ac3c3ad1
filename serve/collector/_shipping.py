"""The shipper beside a server: a process of its own, so that the store's library and its waits cost no answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["Shipping"]


class Shipping:
    """Runs `homologate ship --follow` as a child that outlives neither `stop` nor this process.

    Args:
        spool: the spool folder.
        store: the store's address.
        retention_days: as the settings.
    """

    def __init__(self, spool: Path, store: str, retention_days: int | None) -> None:
        words = ["ship", "--spool", str(spool), "--store", store, "--follow", "--while-stdin"]
        words += ["--retention-days", str(retention_days)] if retention_days else []
        self._command = [sys.executable, "-m", "homologate", *words]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the child; it logs to our stderr, and leaves when the pipe to it closes, as it does when we die."""
        self._process = subprocess.Popen(  # noqa: S603 (our own command)
            self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )

    def stop(self, seconds: float = 10.0) -> None:
        """Let it ship what is ready, and end it; what it does not manage stays in the spool."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
