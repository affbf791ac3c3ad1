"""Remove one prediction from what is kept, and leave a tombstone so that it never comes back.

    homologate forget 4f1c09…

Its lines leave the store and this machine's spool: text, verdict, words, feedback. The answer says what forgetting
cannot reach (training data it went into, reports, backups), so that you can deal with that too.
"""

from __future__ import annotations

import argparse
import getpass
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("prediction", help="the prediction id the answer gave; of several texts, <id>.<row>")
    parser.add_argument("--model", metavar="NAME", help="the model's name (default: as the settings)")
    parser.add_argument("--by", metavar="NAME", help="who asked, for the tombstone (default: the user of this machine)")
    parser.add_argument("--settings", metavar="FILE", help="settings file (default: as every command)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Forget."""
    from homologate.collection import forget, spool_of, store_of
    from homologate.settings import load_settings

    settings = load_settings(args.settings)
    by = args.by or getpass.getuser()
    return forget(store_of(settings), spool_of(settings), args.model or settings.model, args.prediction, by=by)


def show(facts: dict[str, Any]) -> str:
    """What was removed and what remains."""
    versions = ", ".join(facts["versions"])
    lines = [
        f"{facts['prediction_id']} is forgotten: {facts['removed']} lines removed ({facts['model']} version {versions})"
    ]
    if facts["pending"]:
        lines += ["  its line in the segment being written is held back when that is shipped, within a minute or so"]
    return "\n".join([*lines, "What this does not reach:", *(f"  - {item}" for item in facts["remains"])])
