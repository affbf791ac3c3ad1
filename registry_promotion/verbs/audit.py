"""Export the ledger, verify an export offline, find what disagrees with the ledger.

homologate audit export --to ledger.jsonl                       everything, one canonical row a line
homologate audit verify ledger.jsonl --head 5f1c…               needs this file and Python, no server
homologate audit head                                           publish this somewhere the server cannot reach
homologate audit drift                                          stages, aliases and bytes that disagree
"""

from __future__ import annotations

import argparse
from typing import Any

from registry_promotion.verbs._shared import gate_of, settings_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)
    parser.add_argument("what", choices=list(_DOES), help="what to do (see above)")
    parser.add_argument("file", nargs="?", help="verify: an exported ledger")
    parser.add_argument("--to", metavar="FILE", help="export: the file to write")
    parser.add_argument("--head", metavar="HASH", help="verify: the head as published; without it the end may be cut")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Do what was asked."""
    from homologate.errors import UsageError

    needed = {"export": ("--to", args.to), "verify": ("FILE", args.file)}.get(args.what)
    if needed and not needed[1]:
        raise UsageError(f"audit {args.what} needs {needed[0]}", next_command="homologate audit --help")
    return _DOES[args.what](args)


def _export(args: argparse.Namespace) -> dict[str, Any]:
    from pathlib import Path

    from homologate.errors import StorageError

    gate = gate_of(args)
    rows = gate.raw("ledger/export")
    try:
        Path(args.to).write_bytes(rows)
    except OSError as error:
        raise StorageError(f"cannot write the ledger: {error.strerror}", place=args.to) from error
    return {"what": "export", "file": args.to, "rows": rows.count(b"\n"), **gate.get("ledger/head")}


def _verify(args: argparse.Namespace) -> dict[str, Any]:
    from homologate.errors import RefusedError, StorageError
    from registry_promotion.verifier import verify

    try:
        with open(args.file, "rb") as lines:
            found = verify(lines, args.head)
    except OSError as error:
        raise StorageError(f"cannot read the ledger: {error.strerror}", place=args.file) from error
    exit_code = 0 if found.ok else RefusedError.exit_code
    return {"what": "verify", "file": args.file, **found._asdict(), "exit_code": exit_code}


def _head(args: argparse.Namespace) -> dict[str, Any]:
    return {"what": "head", **gate_of(args).get("ledger/head")}


def _drift(args: argparse.Namespace) -> dict[str, Any]:
    from homologate.errors import RefusedError

    found = gate_of(args).get("drift")["drift"]
    return {"what": "drift", "drift": found, "exit_code": RefusedError.exit_code if found else 0}


_DOES = {"export": _export, "verify": _verify, "head": _head, "drift": _drift}


def show(facts: dict[str, Any]) -> str:
    """What was found."""
    if facts["what"] == "drift":
        lines = [
            f"{one['model']}, {one['where']}: the registry says {one['registry']}, the ledger {one['ledger']}\n"
            f"    → {one['fix']}"
            for one in facts["drift"]
        ]
        return "\n".join(lines) or "The registry and the stored bytes say what the ledger says."
    if facts["what"] == "export":
        return (
            f"{facts['rows']} rows in {facts['file']}; head {facts['head']}\n\n"
            f"Check it anywhere: homologate audit verify {facts['file']} --head {facts['head']}"
        )
    if facts["what"] == "head":
        return f"{facts['head']}  ({facts['rows']} rows)"
    return str(facts["sentence"])
