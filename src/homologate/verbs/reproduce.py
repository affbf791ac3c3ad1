"""Train a registered version again, from the provenance its evidence states, and say whether the result holds.

    homologate reproduce 7
    homologate reproduce component-classifier 7 --tolerance 0.01

Rows, parameters, seeds and threads are those of the signed provenance; the code is the commit it names, checked out for
this where the repository knows it. What cannot be as it was is listed: changes that were never committed, another lock,
another processor. It holds where the files that decide an answer are the same bytes, or every metric on the stored test
items is within the tolerance; else the exit code is 7. The runs go to an experiment of their own.
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_settings, context_of, settings_of, shown

TOLERANCE = 0.02


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("model", nargs="?", help="the registered model (default: the settings' model)")
    parser.add_argument("version", help="its version number")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="POINTS",
        help=f"how far a metric on the stored test items may differ (default {TOLERANCE}, two points)",
    )
    add_settings(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Train, export, compare; exit code 7 where it does not hold."""
    from homologate.errors import RefusedError
    from homologate.steps.champion import version_of
    from homologate.steps.reproduce import reproduce

    settings = settings_of(args)
    if args.model:
        settings = settings.model_copy(update={"model": args.model})
    context = context_of(settings)
    facts = shown(reproduce(context, version_of(context, args.version), args.tolerance), context)
    return facts if facts["holds"] else {**facts, "exit_code": RefusedError.exit_code}


def show(facts: dict[str, Any]) -> str:
    """The verdict, what is not as it was, and how far each metric moved."""
    lines = [facts["verdict"], f"code: {facts['code']['note']}"]
    lines += [f"not as it was: {one['what']}: {one['then']}; now {one['now']}" for one in facts["differs"]]
    if not facts["differs"]:
        lines.append("lock, interpreter and processor are as they were")
    moved = {**facts["metrics"], "largest change of a probability": facts["largest_difference"]}
    lines += [
        "",
        *(f"  {name.replace('_', ' '):<32} {value:+.4f}" for name, value in moved.items() if value is not None),
    ]
    return "\n".join([*lines, "", f"the record: reproduction/reproduction.json of run {facts['run_id']}"])
