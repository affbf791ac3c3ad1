"""Send what waits to a store, as soon as there is a connection: Azure Blob, any server that takes PUT, or a folder.

`$HOMOLOGATE_FORWARD` names the store, because the address of a container holds its secret (a SAS): it stands in no
argument and in no log. A file is only ever created (`If-None-Match: *`): one that is there already is there whole.
"""

from __future__ import annotations

import os
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

from ._faults import StorageFault, UsageFault
from ._spool import Spool

__all__ = ["VARIABLE", "Forwarder", "forward", "store_of"]

VARIABLE = "HOMOLOGATE_FORWARD"
PATIENCE_SECONDS = 30.0
LONGEST_PAUSE = 300.0
THERE_ALREADY = (409, 412)
"""What Azure Blob and other servers answer to a creation of what exists."""

Store = Callable[[str, bytes], None]
"""Creates one file, whole or not at all; a file that exists is left as it is. Raises StorageFault."""


def store_of(address: str) -> Store:
    """The store at `address`: an http(s) URL whose query (a SAS) goes with every request, or a folder.

    Raises:
        UsageFault: neither.
    """
    parts = urllib.parse.urlsplit(address)
    if parts.scheme in ("http", "https"):
        return lambda path, data: _put(parts, path, data)
    if parts.scheme not in ("", "file"):
        raise UsageFault(f"no store {parts.scheme}://…", place=f"${VARIABLE}", legal="https://…, or a folder")
    return lambda path, data: _write(Path(parts.path), path, data)


def forward(spool: Spool, store: Store) -> int:
    """Send every batch that waits, oldest first; how many predictions the store has now that it had not.

    Raises:
        StorageFault: the store does not take one; it and what follows it wait on.
    """
    count = 0
    while (batch := spool.next_batch()) is not None:
        for path, data in batch.files.items():
            store(path, data)
        spool.sent(batch)
        count += batch.predictions
    return count


class Forwarder:
    """Forwards every `seconds`, and ever more seldom while the store does not answer."""

    def __init__(self, spool: Spool, store: Store, seconds: float, say: Callable[..., None]) -> None:
        self._spool, self._store, self._seconds, self._say = spool, store, seconds, say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="forward", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being sent; the rest waits on the disk."""
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        pause = self._seconds
        while not self._stop.wait(pause):
            try:
                if count := forward(self._spool, self._store):
                    self._say("forwarded", predictions=count)
                pause = self._seconds
            except StorageFault as fault:
                pause = min(pause * 2, max(LONGEST_PAUSE, self._seconds))
                self._say("not forwarded", problem=fault.problem, again_in_s=pause)


def _put(parts: urllib.parse.SplitResult, path: str, data: bytes) -> None:
    # The path is percent-encoded already where a file name needs it; a URL needs it once more.
    where = f"{parts.path.rstrip('/')}/{urllib.parse.quote(path)}"
    request = urllib.request.Request(  # noqa: S310 (http(s) by `store_of`)
        urllib.parse.urlunsplit(parts._replace(path=where)),
        data=data,
        method="PUT",
        headers={"If-None-Match": "*", "Content-Type": "application/x-ndjson", "x-ms-blob-type": "BlockBlob"},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
            answer.read()
    except urllib.error.HTTPError as error:
        if error.code not in THERE_ALREADY:
            raise StorageFault(f"the store answered {error.code} {error.reason}", place=parts.hostname) from error
    except (OSError, HTTPException) as error:
        raise StorageFault(
            f"the store does not answer ({getattr(error, 'reason', error)})", place=parts.hostname
        ) from error


def _write(root: Path, path: str, data: bytes) -> None:
    target = root / path
    if target.exists():
        return
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as sink:
            sink.write(data)
            sink.flush()
            os.fsync(sink.fileno())
        scratch.replace(target)
    except OSError as error:
        raise StorageFault(f"cannot write to the store: {error.strerror}", place=str(root)) from error
