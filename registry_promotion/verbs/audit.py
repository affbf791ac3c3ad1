"""Export the ledger, publish its head, verify an export offline, find what disagrees with the ledger.

homologate audit export --to ledger.jsonl                       everything, one canonical row a line
homologate audit head                                           the hash of the last row
homologate audit publish --tag                                  publish it as a git tag; push it, and it is out of reach
homologate audit publish --to heads.txt --webhook               add it to a file elsewhere, post it to the webhook
homologate audit verify ledger.jsonl --head 5f1c…               needs this file and Python, no server
homologate audit verify ledger.jsonl --published heads.txt      against every published head; `tags` reads git's
homologate audit drift                                          stages, aliases and bytes that disagree
homologate audit reconcile                                      make a registry without a gate inside follow the ledger
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
    parser.add_argument("--to", metavar="FILE", help="export: the file to write; publish: the file to add the head to")
    parser.add_argument("--tag", action="store_true", help="publish: as an annotated tag of the git repository here")
    parser.add_argument("--webhook", action="store_true", help="publish: to the webhook of promotion.notify")
    parser.add_argument("--head", metavar="HASH", help="verify: the head as published; without it the end may be cut")
    parser.add_argument("--published", metavar="FILE|tags", help="verify: every head in a file, or in git tags")


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
    from registry_promotion.verifier import READ_AT_ONCE, verify

    heads = [*([args.head] if args.head else []), *_published(args.published)]
    try:
        with open(args.file, "rb", buffering=READ_AT_ONCE) as lines:
            found = verify(lines, *heads)
    except OSError as error:
        raise StorageError(
            f"cannot read the export: {error.strerror}",
            place=args.file,
            next_command=f"homologate audit export --to {args.file}",
        ) from error
    exit_code = 0 if found.ok else RefusedError.exit_code
    return {"what": "verify", "file": args.file, **found._asdict(), "exit_code": exit_code}


def _published(place: str | None) -> list[str]:
    """The heads that were published in a file or as tags."""
    from pathlib import Path

    from homologate.errors import DataError, StorageError
    from registry_promotion.publication import heads_of_tags
    from registry_promotion.verifier import heads_in

    if place is None:
        return []
    if place == "tags":
        return heads_of_tags(Path())
    try:
        found = heads_in(Path(place).read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"cannot read the published heads: {error.strerror}", place=place) from error
    except ValueError as error:
        raise DataError(str(error), place=place, legal="a hash, or what `audit publish` wrote, on each line") from error
    if not found:
        raise DataError(
            "no head was published here", place=place, next_command=f"homologate audit publish --to {place}"
        )
    return found


def _publish(args: argparse.Namespace) -> dict[str, Any]:
    from pathlib import Path

    from homologate.errors import UsageError
    from homologate.verbs._shared import settings_of
    from registry_promotion.publication import append_head, post_head, tag_head

    if not (args.tag or args.to or args.webhook):
        raise UsageError("publish where?", legal="--tag, --to FILE, --webhook; several at once are fine")
    head = gate_of(args).get("ledger/head")
    places = {}
    if args.tag:
        places["tag"] = tag_head(head, Path())
    if args.to:
        append_head(head, args.to)
        places["file"] = args.to
    if args.webhook:
        post_head(head, settings_of(args).promotion.notify)
        places["webhook"] = "posted"
    return {"what": "publish", "places": places, **head}


def _head(args: argparse.Namespace) -> dict[str, Any]:
    return {"what": "head", **gate_of(args).get("ledger/head")}


def _drift(args: argparse.Namespace) -> dict[str, Any]:
    from homologate.errors import RefusedError

    found = gate_of(args).get("drift")["drift"]
    return {"what": "drift", "drift": found, "exit_code": RefusedError.exit_code if found else 0}


def _reconcile(args: argparse.Namespace) -> dict[str, Any]:
    from homologate.errors import RefusedError
    from registry_promotion.release import ReleaseGate

    gate = gate_of(args)
    if not isinstance(gate, ReleaseGate):
        raise RefusedError("a gated server follows its ledger by itself, at each start", next_command="restart it")
    return {"what": "reconcile", "done": gate.reconcile()}


_DOES = {
    "export": _export,
    "head": _head,
    "publish": _publish,
    "verify": _verify,
    "drift": _drift,
    "reconcile": _reconcile,
}


def show(facts: dict[str, Any]) -> str:
    """What was found."""
    if facts["what"] == "drift":
        lines = [
            f"{one['model']}, {one['where']}: the registry says {one['registry']}, the ledger {one['ledger']}\n"
            f"    → {one['fix']}"
            for one in facts["drift"]
        ]
        return "\n".join(lines) or "The registry and the stored bytes say what the ledger says."
    if facts["what"] == "publish":
        lines = [f"Published {facts['head']} ({facts['rows']} rows): {', '.join(facts['places'])}."]
        if tag := facts["places"].get("tag"):
            lines += ["", f"Next: git push origin {tag}"]
        return "\n".join(lines)
    if facts["what"] == "reconcile":
        return "\n".join(facts["done"]) or "The registry follows the ledger already."
    if facts["what"] == "export":
        return (
            f"{facts['rows']} rows in {facts['file']}; head {facts['head']}\n\n"
            f"Check it anywhere: homologate audit verify {facts['file']} --head {facts['head']}"
        )
    if facts["what"] == "head":
        return f"{facts['head']}  ({facts['rows']} rows)"
    return str(facts["sentence"])
