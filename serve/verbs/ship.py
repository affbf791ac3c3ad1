"""Move kept predictions from the spool to the store; each accepted one arrives exactly once.

    homologate ship                       once
    homologate ship --follow              for ever, for a stock server; `homologate serve` does this by itself

    export HOMOLOGATE_COLLECT=.homologate/spool          # before `mlflow models serve`: predictions are kept there
    mlflow models serve -m models:/component-classifier/Production --env-manager local

The store is a folder, or Azure Blob Storage (`wasbs://<container>@<account>.blob.core.windows.net/<prefix>`, with
AZURE_STORAGE_CONNECTION_STRING or an Azure login). A store that is away is asked again, less and less often; meanwhile
everything stays in the spool. What is older than the retention is deleted.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homologate.collection import Store

EVERY_SECONDS = 5.0
LONGEST_PAUSE = 300.0
EXPIRE_EVERY_SECONDS = 3600.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--settings", metavar="FILE", help="settings file (default: as every command)")
    parser.add_argument("--spool", type=Path, metavar="FOLDER", help="default: as the settings")
    parser.add_argument("--store", metavar="PLACE", help="a folder or wasbs://… (default: as the settings)")
    parser.add_argument("--retention-days", type=int, metavar="N", help="delete older ones (default: as the settings)")
    parser.add_argument("--follow", action="store_true", help="go on until told to leave")
    parser.add_argument("--while-stdin", action="store_true", help="with --follow: leave when stdin is closed")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Ship once, or until told to leave."""
    from homologate.collection import expire, open_store, ship

    spool, address, days = _places(args)
    store = open_store(address)
    if args.follow:
        os.nice(10)  # answers go first
        return _follow(spool, store, days, while_stdin=args.while_stdin)
    facts: dict[str, Any] = {**ship(spool, store, patience=10), "spool": str(spool), "store": address}
    return facts | {"expired": expire(store, days) if days else 0}


def show(facts: dict[str, Any]) -> str:
    """How much was moved, and what was odd."""
    lines = [f"{facts['records']} lines in {facts['segments']} segments shipped to {facts['store']}"]
    for name, told in (
        ("known", "lines were there already: a shipper died after storing them"),
        ("forgotten", "lines of forgotten predictions were held back"),
        ("expired", "files older than the retention were deleted"),
    ):
        lines += [f"  {facts[name]} {told}"] if facts[name] else []
    if facts["broken"]:
        lines += [f"  {facts['broken']} lines are none of ours: see {facts['spool']}/*.broken"]
    return "\n".join([*lines, "", "next: homologate monitor"])


def _places(args: argparse.Namespace) -> tuple[Path, str, int | None]:
    """Spool, store and retention; the settings are read only where an argument is missing."""
    if args.spool and args.store:
        return args.spool, args.store, args.retention_days
    from homologate.collection import spool_of, store_of
    from homologate.settings import load_settings

    settings = load_settings(args.settings)
    days = args.retention_days or settings.collection.retention_days
    return args.spool or spool_of(settings), args.store or str(store_of(settings)), days


def _follow(spool: Path, store: Store, days: int | None, *, while_stdin: bool) -> dict[str, Any]:
    """Ship, wait, ship; after a fault wait longer each time. At the end ship once more."""
    from homologate.collection import expire, ship
    from homologate.errors import HomologateError

    total: dict[str, Any] = {"segments": 0, "records": 0, "known": 0, "forgotten": 0, "broken": 0, "expired": 0}
    failures, last_expiry, leaving = 0, -EXPIRE_EVERY_SECONDS, False
    while True:
        try:
            for name, count in ship(spool, store).items():
                total[name] += count
            if days and time.monotonic() - last_expiry >= EXPIRE_EVERY_SECONDS:
                total["expired"] += expire(store, days)
                last_expiry = time.monotonic()
            failures = 0
        except HomologateError as error:
            failures += 1
            _tell("not_shipped", error=error.problem, place=error.place, failures=failures)
        if leaving:
            return {**total, "spool": str(spool), "store": str(store)}
        pause = EVERY_SECONDS if not failures else min(LONGEST_PAUSE, EVERY_SECONDS * 2**failures)
        leaving = _told_to_leave(pause * random.uniform(0.8, 1.2), while_stdin)  # noqa: S311 (jitter)


def _told_to_leave(seconds: float, while_stdin: bool) -> bool:
    """Wait; True as soon as a signal or the end of stdin says that it is time to leave."""
    try:
        ended, _, _ = select.select([sys.stdin] if while_stdin else [], [], [], seconds)
    except KeyboardInterrupt:
        return True
    return bool(ended)


def _tell(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, **facts}), file=sys.stderr, flush=True)
