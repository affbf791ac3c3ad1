"""Put the approved version behind an Azure ML endpoint; show what answers there; go back.

    homologate deploy azure --resource-group parts --workspace components
    homologate deploy azure --stage Staging --shadow
    homologate deploy azure --kind batch
    homologate deploy azure --check
    homologate deploy azure --show
    homologate deploy azure --rollback

What is deployed is what the ledger has in Production (or in Staging, for the shadow), by digest; the endpoint's own
script verifies the bytes again.
The colour without traffic is made anew, asked the golden probe, mirrored, and given 10, 50 and 100 percent of the
traffic; at the first wrong answer the traffic goes back. The old colour stays, one command away. Azure's SDK runs in an
environment of its own (`make azure`); the login is a managed identity, a workload identity or `az login`.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.errors import UsageError
from homologate.verbs._shared import add_settings, settings_of

if TYPE_CHECKING:
    from serve.deploy import Target

WHERE = {
    "subscription": "AZURE_SUBSCRIPTION_ID",
    "resource_group": "AZURE_RESOURCE_GROUP",
    "workspace": "AZUREML_WORKSPACE_NAME",
}
SHARES = "10,50,100"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("target", choices=["azure"], help="where to deploy")
    parser.add_argument(
        "model", nargs="?", default="", metavar="REFERENCE", help="default: the settings' model in Production"
    )
    add_settings(parser)
    for name, variable in WHERE.items():
        parser.add_argument(f"--{name.replace('_', '-')}", default="", metavar="NAME", help=f"default: ${variable}")
    parser.add_argument(
        "--endpoint", default="", metavar="NAME", help="default: the model's name; of a batch endpoint with -batch"
    )
    parser.add_argument(
        "--kind",
        choices=["online", "kubernetes", "batch"],
        default="online",
        help="a managed endpoint (default), one on a cluster of your own, or one that judges files",
    )
    parser.add_argument(
        "--definitions", type=Path, default=Path("azure"), metavar="FOLDER", help="the project's folder azure/"
    )
    parser.add_argument(
        "--mirror", type=int, default=10, metavar="PERCENT", help="of live traffic copied first (default: 10)"
    )
    parser.add_argument(
        "--shares", default="10,50,100", metavar="LIST", help="percentages given in turn (default: 10,50,100)"
    )
    parser.add_argument("--settle", type=float, default=60.0, metavar="S", help="seconds at each share (default: 60)")
    parser.add_argument("--patience", type=float, default=1800.0, metavar="S", help="for Azure to make a deployment")
    parser.add_argument(
        "--stage",
        choices=["Staging", "Production"],
        default="Production",
        help="where the ledger must have the version",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--shadow", action="store_true", help="mirror traffic to it and give it none")
    what.add_argument("--show", action="store_true", help="only say what answers")
    what.add_argument("--check", action="store_true", help="ask as a caller, and hold who answers to the ledger")
    what.add_argument("--rollback", action="store_true", help="give all traffic back to the other colour")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Deploy, show or go back."""
    from homologate.tracking import tracking_uri
    from serve.deploy import check, deploy, look, roll_back

    settings = settings_of(args)
    target = _target(args, settings.model)
    if args.show:
        return look(target, _say)
    if args.rollback:
        return {**roll_back(target, None, _say), "rolled_back": True}
    what = (target, args.model or f"models:/{settings.model}/{args.stage}", tracking_uri().uri, Path(settings.home))
    if args.check:
        return check(*what, stage=args.stage, say=_say)
    return deploy(
        *what,
        stage=args.stage,
        mirror=args.mirror,
        shares=() if args.shadow else _shares(args.shares),
        settle=args.settle,
        patience=args.patience,
        say=_say,
    )


def show(facts: dict[str, Any]) -> str:
    """What answers, and the way back."""
    shares = ", ".join(f"{name} {share} %" for name, share in facts["traffic"].items()) or "nobody answers"
    lines = [
        f"{facts['endpoint']}: version {facts['version']} ({facts['digest']})",
        f"traffic   {shares}",
        f"address   {facts['scoring_uri']}",
    ]
    if facts.get("reused"):
        lines.append("these bytes answered already; nothing was changed")
    if facts.get("checked"):
        lines.append("these bytes alone answer, and as they were judged")
    if facts.get("before"):
        lines += ["", f"next: homologate deploy azure --rollback  # gives the traffic back to {facts['before']}"]
    return "\n".join(lines)


def _target(args: argparse.Namespace, model: str) -> Target:
    from serve.deploy import Target

    found = {name: getattr(args, name) or os.environ.get(variable, "") for name, variable in WHERE.items()}
    for name, value in found.items():
        if not value:
            raise UsageError(
                f"no {name.replace('_', ' ')} is named",
                place=f"--{name.replace('_', '-')} or ${WHERE[name]}",
                next_command="az ml workspace list --output table",
            )
    endpoint = args.endpoint or (f"{model}-batch" if args.kind == "batch" else model)
    return Target(**found, endpoint=endpoint, kind=args.kind, definitions=args.definitions)


def _shares(words: str) -> tuple[int, ...]:
    try:
        shares = tuple(int(word) for word in words.split(","))
    except ValueError:
        shares = ()
    if not shares or shares[-1] != 100 or list(shares) != sorted(set(shares)) or shares[0] < 1:
        raise UsageError(
            f"shares {words!r}", place="--shares", legal="rising percentages that end with 100, as 10,50,100"
        )
    return shares


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
