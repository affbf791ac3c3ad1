"""What needs a person now, and the command for it. Pure: facts in, alerts out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serve.feedback import WORSE

__all__ = ["alerts"]


def alerts(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """`{"what", "command"}`, the most urgent first."""
    found = [{"what": fault, "command": "homologate where"} for fault in facts["faults"]]
    production = facts["production"]
    if production is None:
        found.append({"what": "nothing is known to be in Production", "command": "homologate history"})
    for name, metric in ((facts["performance"] or {}).get("metrics") or {}).items():
        if metric["verdict"] == WORSE:
            told = f"{name.replace('_', ' ')} of version {production['version']} is {WORSE}"
            found.append({"what": told, "command": "homologate retrain --because performance"})
    if not facts["traffic"]:
        found.append({"what": f"no prediction was kept in {facts['days']} days", "command": "homologate ship"})
    if facts["records"]:
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in facts["records"].items())
        found.append({"what": f"kept records are damaged: {told}", "command": "homologate ship --json"})
    if facts["unreviewed"]:
        told = f"{facts['unreviewed']} remarks wait for a second person"
        found.append({"what": told, "command": "homologate feedback --list"})
    return found
