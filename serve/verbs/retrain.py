"""Train again on the old rows and reviewed feedback, and ask people to let the new version in. It promotes nothing.

    homologate retrain --because drift                  where `homologate monitor` found that the texts have moved
    homologate retrain --because performance            where the real performance breaks what was promised
    homologate retrain --reason "a new hose family"     for a reason of your own

Only feedback that a second person accepted is learnt from, less what a label-noise check doubts; a part is held out to
measure on. The run says why; the request says what the new version does better there (of a drift: on the texts with
the new words or of the families that moved), and that it is no worse elsewhere. The same cause starts one retraining;
while a request waits, or too soon after the last, none begins: exit code 7.
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_settings, add_training, context_of, maybe, settings_of, training_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--because", type=maybe(str), choices=["drift", "performance", None], metavar="WHAT",
                        help="drift or performance: what measured the cause")  # fmt: skip
    parser.add_argument("--reason", type=maybe(str), help="a reason of your own")
    parser.add_argument(
        "--to", type=maybe(str), metavar="STAGE", help="Staging or Production (default: as the settings)"
    )
    add_training(parser)
    add_settings(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Check that it may begin, train, compare, ask."""
    from homologate.errors import UsageError
    from serve.feedback import version_in_production
    from serve.monitor import findings_of, open_tracker
    from serve.retrain import Cause, retrain
    from serve.verbs.feedback import measured

    if bool(args.because) == bool(args.reason):
        raise UsageError("a retraining has one cause", place="--because, --reason", legal="one of the two")
    settings = settings_of(args)
    chosen = training_of(args, settings)
    context = context_of(settings)
    if args.because == "drift":
        version = version_in_production(settings)
        cause = Cause.drift(version, findings_of(open_tracker(settings), settings.model, version))
    elif args.because:
        cause = Cause.performance(measured(settings, None))
    else:
        cause = Cause.manual(version_in_production(settings), args.reason)
    return retrain(context, cause, chosen, stage=args.to)


def show(facts: dict[str, Any]) -> str:
    """The version, what it is better at, and who is asked next."""
    lines = [
        f"{facts['model']} version {facts['version']}, because {facts['cause']['says']}",
        f"  run {facts['run_id']}",
    ]
    for name, found in facts["comparison"].items():
        accuracy = found.get("difference", {}).get("accuracy")
        if accuracy:
            lines.append(f"  {name}: accuracy {accuracy['value']:+.1%} on {found['texts']} texts")
    request = facts["request"]
    if request is None:
        return "\n".join([*lines, "", facts["because"]])
    lines += ["", f"{facts['because']}: {request['address']}", request["decision"]["verdict"]]
    return "\n".join([*lines, "", f"next, as somebody else: homologate approve {request['request']['id']} --comment …"])
