"""Ask for a version to go to a stage. The gate answers every rule at once; people sign off after.

Where the evidence does not hold, the request is refused at once and the exit code is 7.

homologate request component-classifier 7 --to Production --reason "recall of hoses is up"
homologate request --list                      what waits
homologate request --show 12                   one request, judged as of now
"""

from __future__ import annotations

import argparse
from typing import Any

from registry_promotion.story import clock_told
from registry_promotion.verbs._shared import answers_told, decision_told, gate_of, settings_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)
    parser.add_argument("model", nargs="?", help="the registered model")
    parser.add_argument("version", nargs="?", help="its version number")
    parser.add_argument("--to", metavar="STAGE", help="Staging or Production")
    parser.add_argument("--reason", help="why, for those who decide; kept for good")
    parser.add_argument("--list", action="store_true", help="list requests instead")
    parser.add_argument("--show", metavar="ID", help="show one request instead")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Ask, list or show; exit code 7 where the evidence does not hold and the request is refused at once."""
    from homologate.errors import RefusedError, UsageError

    if args.list:
        return dict(gate_of(args).get("requests", model=args.model))
    if args.show:
        return dict(gate_of(args).get(f"requests/{args.show}"))
    missing = [name for name in ("model", "version", "to", "reason") if not getattr(args, name)]
    if missing:
        raise UsageError(
            f"a request needs {', '.join(missing)}",
            legal="MODEL VERSION --to STAGE --reason TEXT, or --list, or --show ID",
            next_command="homologate request --help",
        )
    asked = gate_of(args).post("requests", model=args.model, version=args.version, stage=args.to, reason=args.reason)
    return {**asked, "exit_code": RefusedError.exit_code} if asked["request"]["state"] == "refused" else dict(asked)


def show(facts: dict[str, Any]) -> str:
    """The request and every rule."""
    if "requests" in facts:
        lines = [
            f"{one['id']}  {one['model']} {one['version']} → {one['stage']}  {_state(one)}  by {one['requested_by']}: "
            f"{' '.join(one['reason'].split())}"
            for one in facts["requests"]
        ]
        return "\n".join(lines) or "No requests. Ask with: homologate request MODEL VERSION --to STAGE --reason …"
    request, decision = facts["request"], facts["decision"]
    lines = [f"Request {request['id']}: {request['model']} version {request['version']} to {request['stage']}"]
    reason = request["reason"].replace("\n", "\n  ")
    lines += [f"Asked by {request['requested_by']}, {clock_told(request['requested_at'])}: {reason}"]
    lines += [*answers_told(request), ""]
    lines += [*decision_told(decision), "", f"Read it at {facts['address']}"]
    if request["state"] == "refused":
        lines.append("Next: mend what refuses, register that, and ask for the new version.")
    elif not request["open"]:
        lines.append(f"It is {request['state']}. What happened: homologate history {request['model']}")
    elif decision["passes"]:
        lines.append(f"Next: homologate promote {request['id']}")
    elif decision["evidence_passes"]:
        lines.append(f"Next, as somebody else: homologate approve {request['id']} --comment …")
    else:
        lines.append("Next: mend what refuses now, and ask again.")
    return "\n".join(lines)


def _state(request: dict[str, Any]) -> str:
    """The state of a request, with how far it is where it waits."""
    yes = sum(one["answer"] == "approved" for one in request["approvals"])
    return f"{request['state']} ({yes} of {request['needed']} approvals)" if request["open"] else str(request["state"])
