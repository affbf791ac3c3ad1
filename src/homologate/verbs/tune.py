"""Search for better training settings on a stored split: one run, and one child run for each trial.

Learning rates, weight decay and batch size vary; what you give as an argument stays as given. Trials that fall behind
are cut off. Killed half-way, the same command continues; with more --trials it goes on from where it was.

homologate tune --data-run RUN                         8 trials of the preset in force
homologate tune --data-run RUN --preset quick          a quarter of the time a trial
homologate tune --data-run RUN --batch-size 16         everything but the batch size varies
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import (
    TRAINING_FIELDS,
    add_settings,
    add_training,
    context_of,
    maybe,
    settings_of,
    shown,
    training_of,
)

DEFAULT_TRIALS = 8


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--data-run", required=True, metavar="RUN", help="id of a finished prepare run")
    parser.add_argument(
        "--trials",
        type=maybe(int),
        help=f"how many there shall be in all, those of an earlier search included (default {DEFAULT_TRIALS})",
    )
    add_settings(parser)
    add_training(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Search and return every trial and the best."""
    from homologate.steps.tune import tune

    settings = settings_of(args)
    base = training_of(args, settings)
    given = {name: getattr(args, name) for name in TRAINING_FIELDS if getattr(args, name) is not None}
    trials = DEFAULT_TRIALS if args.trials is None else args.trials
    context = context_of(settings)
    facts = shown(tune(context, args.data_run, base, trials=trials, fixed=frozenset(given)), context)
    again = {**({"preset": args.preset} if args.preset else {}), **given, **facts["best"]["values"]}
    options = [f"--{name.replace('_', '-')} {value}" for name, value in again.items()]
    return {**facts, "next": f"homologate train --data-run {args.data_run} {' '.join(options)}"}


def show(facts: dict[str, Any]) -> str:
    """Every trial, the best first, and the command that trains with it."""
    trials = sorted(facts["trials"], key=lambda trial: -trial["average_precision"])
    names = list(trials[0]["values"])
    heads = [f"{'trial':>5}", f"{'average precision':>17}", *(f"{name:>18}" for name in names), ""]
    lines = ["  ".join(heads).rstrip()]
    for trial in trials:
        cells = [f"{trial['number']:>5}", f"{trial['average_precision']:>17.3f}"]
        cells += [f"{trial['values'][name]:>18g}" for name in names]
        lines.append("  ".join([*cells, "cut off" if trial["pruned"] else ""]).rstrip())
    if facts["made_before"]:
        lines.append(f"{facts['made_before']} of them were made by an earlier search that this one continued")
    return "\n".join(
        ["best on the validation rows (the test rows were not looked at):", *lines, "", f"next: {facts['next']}"]
    )
