"""Start the gated MLflow server and, once a version is in Production, the endpoint: on this machine, loopback only.

    homologate up                    start what is not running; an endpoint of an older version is replaced
    homologate up --server-only      only the MLflow server
    homologate up --demo             a first start makes this home a demonstration's: three accounts, lenient policies

The first start makes accounts with random passwords and shows them once; `homologate people add` makes those of real
people. Servers go on after the command ends; `homologate where` lists them and `homologate down` stops them.
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
    parser.add_argument(
        "--demo", action="store_true", help="as `make run` does it; refused where real people decide already"
    )


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Start what is missing and return where everything is."""
    from homologate.machine import start_endpoint, whereabouts
    from homologate.mlflow_server import start_server

    settings = settings_of(args)
    start_server(settings, demonstration=args.demo, say=_say)
    if not args.server_only:
        start_endpoint(settings, say=_say)
    return whereabouts(settings)


def show(facts: dict[str, Any]) -> str:
    """Where everything is."""
    from homologate.machine import told

    return told(facts)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
