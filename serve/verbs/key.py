"""Make an API key for a caller of `homologate serve`.

    homologate key line-3 --file keys.txt
    homologate serve --api-keys keys.txt

The key is printed once; the file keeps its hash. Delete the caller's line to withdraw the key; a running server
notices.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("caller", help="who will ask: a name that appears in logs")
    parser.add_argument("--file", type=Path, default=Path("keys.txt"), help="the key file (default: keys.txt)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Make the key."""
    from serve.server._keys import add_key

    return {"caller": args.caller, "file": str(args.file), "key": add_key(args.file, args.caller)}


def show(facts: dict[str, Any]) -> str:
    """The key, once."""
    return "\n".join(
        [
            facts["key"],
            f"This is the key of {facts['caller']}; it cannot be shown again. {facts['file']} keeps its hash.",
            "",
            f"next: homologate serve --api-keys {facts['file']}",
        ]
    )
