"""Take the last version of this machine through its gate, as the three demo accounts: what `make run` ends with.

homologate up --demo && homologate as demo-author -- homologate main && homologate demo

It asks for Staging and for Production, approves as others than the author, and moves the version, all by the API that
people use, under policies that mark every row as a demonstration. A second time it does nothing; killed anywhere, it
goes on where it was. A version that even these policies refuse stays where it is, and the exit code is 7.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from registry_promotion.verbs._shared import rules_told, settings_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    settings_arguments(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Do what is missing and return what was done."""
    from pathlib import Path

    from homologate.accounts import Accounts
    from homologate.errors import DataError, RefusedError, ServiceError, UsageError
    from homologate.local import Services
    from homologate.summary import recall, remember
    from homologate.verbs._shared import settings_of
    from registry_promotion.demonstration import Demonstration

    settings = settings_of(args)
    home = Path(settings.home)
    accounts, server, last = Accounts.known(home), Services(home).running().get("mlflow"), recall(settings)
    if accounts is None or not accounts.demonstration:
        raise UsageError(
            "this home is no demonstration's, so nobody's approval is pretended here",
            place=str(home.absolute()),
            next_command="homologate request MODEL VERSION --to Staging --reason …",
        )
    if server is None:
        raise ServiceError("the MLflow server of this home is not running", next_command="homologate up")
    if last is None:
        raise DataError("nothing was registered from here yet", place=str(home.absolute()), next_command="make run")
    way = Demonstration(server.url, accounts, last["model"], last["version"], say=_say)
    facts = way.run()
    remember(settings, {**last, "stage": facts["stage"], "stage_note": _note(facts)})
    return {**facts, "exit_code": RefusedError.exit_code} if facts["refused"] else facts


def show(facts: dict[str, Any]) -> str:
    """Where the version is and how it came there, or which rules refuse and what would mend them."""
    version = f"{facts['model']} version {facts['version']}"
    if facts["reused"]:
        return f"{version} is in Production already: nothing was asked again"
    if facts["refused"]:
        request, decision = facts["refused"]["request"], facts["refused"]["decision"]
        said = [f"  {one['by']} {one['answer']}: {one['comment']}" for one in request["approvals"]]
        refusing = [one for one in decision["rules"] if one["status"] in ("not_met", "cannot_tell")]
        return "\n".join(
            [
                f"NOT promoted: request {request['id']} to {request['stage']} is {request['state']}.",
                decision["verdict"],
                "",
                *rules_told(refusing),
                *said,
                "",
                f"Read it at {facts['refused']['address']}",
                "Next: mend what refuses and `make run` again; that registers another version and asks for it.",
            ]
        )
    lines = [f"{version} is in Production, by a demonstration:"]
    for asked in facts["requests"]:
        names = ", ".join(one["by"] for one in asked["request"]["approvals"])
        held = sum(rule["status"] == "met" for rule in asked["decision"]["rules"])
        lines.append(
            f"  request {asked['request']['id']} to {asked['request']['stage']}: {held} rules of "
            f"{asked['decision']['policy']!r} hold; approved by {names}"
        )
    return "\n".join(lines)


def _note(facts: dict[str, Any]) -> str:
    if facts["stage"] == "Production":
        return "in Production BY A DEMONSTRATION: two demo accounts approved it, nobody read the reports"
    where = f"in {facts['stage']} by a demonstration" if facts["stage"] else "registered"
    return f"{where}; NOT in Production: even the demonstration's policy refuses it (`homologate demo` says why)"


def _say(line: str) -> None:
    print(f"[gate] {line}", file=sys.stderr, flush=True)
