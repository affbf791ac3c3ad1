"""Register a judged model directory as a version, with its verified evidence. Last, idempotent, never a promotion.

The evidence of the three runs is gathered, verified (digests, signatures, schemas, completeness) and stored as
`evidence/` of this run; the version carries the digest and the ids as tags. The same runs give the same version.
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_settings, context_of, settings_of, shown


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    for step in ("export", "evaluate", "explain"):
        parser.add_argument(f"--{step}-run", required=True, metavar="RUN", help=f"id of a finished {step} run")
    add_settings(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Register and return model, version and digest."""
    from homologate.steps.register import register

    context = context_of(settings_of(args))
    return shown(register(context, args.export_run, args.evaluate_run, args.explain_run), context)


def show(facts: dict[str, Any]) -> str:
    """The version, and the next command."""
    return "\n".join(
        [
            f"registered {facts['model']} version {facts['version']}",
            f"digest {facts['digest']}",
            "",
            f"next: homologate request {facts['model']} {facts['version']} --to Production --reason '…'",
        ]
    )
