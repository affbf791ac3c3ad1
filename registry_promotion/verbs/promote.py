"""Move an approved version to the stage its request asks for. The server checks everything again, the bytes included.

homologate promote 12
homologate promote --break-glass component-classifier 7 --to Production --reason "…"    admins, in an emergency; loud
"""

from __future__ import annotations

import argparse
from typing import Any

from registry_promotion.story import clock_told
from registry_promotion.verbs._shared import gate_of, settings_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)
    parser.add_argument("request", nargs="?", help="the request's id")
    parser.add_argument("--break-glass", nargs=2, metavar=("MODEL", "VERSION"), help="move without a decision")
    parser.add_argument("--to", metavar="STAGE", default="Production", help="with --break-glass")
    parser.add_argument("--reason", help="with --break-glass: why; kept for good and shown to everyone")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Make the move."""
    from homologate.errors import UsageError
    from registry_promotion.client import quoted

    if bool(args.request) == bool(args.break_glass):
        raise UsageError("name a request, or --break-glass MODEL VERSION", next_command="homologate request --list")
    if args.break_glass:
        if not args.reason:
            raise UsageError("breaking the glass needs --reason", place="--reason")
        model, version = args.break_glass
        path = f"models/{quoted(model)}/break-glass"
        return dict(gate_of(args).post(path, version=version, stage=args.to, reason=args.reason))
    return dict(gate_of(args).post(f"requests/{args.request}/promote"))


def show(facts: dict[str, Any]) -> str:
    """Where the version is now."""
    moved = facts["moved"]
    if until := moved.get("expires_at"):
        what = f"{moved['model']} version {moved['version']} is in {moved['stage']}"
        return (
            f"THE GLASS WAS BROKEN: {what} without a decision, until {clock_told(until)}; then it is overdue.\n\n"
            f"Next: homologate request {moved['model']} {moved['version']} --to {moved['stage']} --reason …, or "
            f"homologate rollback {moved['model']} --reason …"
        )
    where = f"{moved['model']} version {moved['version']} is in {moved['stage']}."
    if moved["stage"] == "Production":
        return f"{where}\n\nBack: homologate rollback {moved['model']} --reason …"
    return f"{where}\n\nNext: homologate request {moved['model']} {moved['version']} --to Production --reason …"
