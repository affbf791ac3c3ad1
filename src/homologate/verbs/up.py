"""Start the MLflow server and, once a version is in Production, the endpoint; both on this machine, loopback only.

    homologate up                    start what is not running; an endpoint of an older version is replaced
    homologate up --server-only      only the MLflow server

Servers go on after the command ends; `homologate where` lists them and `homologate down` stops them.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from homologate.verbs._shared import add_settings, settings_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_settings(parser)
    parser.add_argument("--server-only", action="store_true", help="start the MLflow server and nothing else")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Start what is missing and return where everything is."""
    from homologate.machine import start_endpoint, start_server, whereabouts

    settings = settings_of(args)
    start_server(settings, say=_say)
    if not args.server_only:
        start_endpoint(settings, say=_say)
    return whereabouts(settings)


def show(facts: dict[str, Any]) -> str:
    """Where everything is."""
    from homologate.machine import told

    return told(facts)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
