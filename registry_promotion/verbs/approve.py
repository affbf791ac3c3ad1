"""Approve a request, as an account that neither made the version nor asked for it.

homologate approve 12 --comment "read the slices and the flips"
"""

from __future__ import annotations

import argparse
from typing import Any

from registry_promotion.verbs._shared import add_comment, answered_told, gate_of, settings_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)
    parser.add_argument("request", help="the request's id")
    add_comment(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Answer the request."""
    return dict(gate_of(args).post(f"requests/{args.request}/approve", comment=args.comment))


def show(facts: dict[str, Any]) -> str:
    """The request as it is now."""
    return answered_told(facts["request"])
