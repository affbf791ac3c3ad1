"""Say where the MLflow server, the model, the artifacts, the reports and the endpoint are.

homologate where                        for people
homologate where --json                 for programs
homologate where --only tracking_uri    one value, for shells
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_settings, settings_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_settings(parser)
    parser.add_argument("--only", metavar="NAME", help="print one value and nothing else")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Return every address, or the one asked for."""
    from homologate.errors import UsageError
    from homologate.machine import whereabouts

    facts = whereabouts(settings_of(args))
    if args.only is None:
        return facts
    if args.only not in facts:
        raise UsageError(f"nothing is called {args.only!r}", place="--only", legal=facts)
    return {"only": args.only, args.only: facts[args.only]}


def show(facts: dict[str, Any]) -> str:
    """The addresses as a short page, or one bare value."""
    from homologate.machine import told

    if "only" in facts:
        return str(facts[facts["only"]])
    return told(facts)
