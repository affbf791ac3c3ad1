"""What needs a person now, and the command for it. Pure: facts in, alerts out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from serve.feedback import WORSE

__all__ = ["alerts"]

ANSWERS = {"probability", "label_share", "confidence", "calibration"}
"""Signals about what is answered: whether the answers are right, feedback says; what texts are new, the queue."""


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
    found += _of_drift(facts)
    if not facts["traffic"]:
        found.append({"what": f"no prediction was kept in {facts['days']} days", "command": "homologate ship"})
    if facts["records"]:
        told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in facts["records"].items())
        found.append({"what": f"kept records are damaged: {told}", "command": "homologate ship --json"})
    if facts["unreviewed"]:
        told = f"{facts['unreviewed']} remarks wait for a second person"
        found.append({"what": told, "command": "homologate feedback --list"})
    return found


def _of_drift(facts: Mapping[str, Any]) -> list[dict[str, str]]:
    """A line for each limit that was crossed, and what to do about all of them; or that nobody looked."""
    drift, production = facts["drift"], facts["production"]
    if production is None:
        return []
    if drift is None:
        told = f"no window of version {production['version']} was compared with its past"
        return [{"what": told, "command": "homologate monitor"}]
    start, end, made = (datetime.fromisoformat(moment) for moment in (drift["start"], drift["end"], facts["made"]))
    found = []
    if made - end > 2 * (end - start):
        told = f"no window since {end:%Y-%m-%d %H:%M} UTC was compared with the past"
        found.append({"what": told, "command": "homologate monitor"})
    crossed = [signal for signal in drift["signals"] if signal["verdict"] == "drift"]
    limits = [
        {
            "what": f"{signal['title'].lower()}: {signal['value']:.3g}, limit {signal['limit']:.3g}",
            "command": "homologate feedback" if signal["name"] in ANSWERS else "homologate queue",
        }
        for signal in crossed
    ]
    if crossed:
        since = (drift["cause"]["since"] or drift["start"])[:16].replace("T", " ")
        found += [{"what": f"drifting since {since} UTC", "command": "homologate retrain --because drift"}, *limits]
    elif drift["outcome"] == "cannot tell":
        found.append({"what": f"drift: {drift['verdict'].rstrip('.')}", "command": "homologate monitor --period week"})
    return found
