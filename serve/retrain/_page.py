"""What people are told about a retraining: in the reason of the request, and on a page of the run."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from serve.monitor import named_page
from serve.retrain._comparison import outcomes

__all__ = ["page", "reason"]

WORDS = {"accuracy": "accuracy", "miss_rate": "miss rate", "false_stop_rate": "false-stop rate"}


def reason(facts: Mapping[str, Any]) -> str:
    """The reason of the request, a line each: the cause, what was learnt from, what got better, what no worse."""
    material = facts["material"]
    lines = [
        f"Retrained because {facts['cause']['says']}.",
        f"It learnt from {material['train']} texts whose label two people stand behind, and no prediction of its own.",
    ]
    outcome = outcomes(facts["comparison"])
    for name, found in facts["comparison"].items():
        if found["texts"]:
            lines.append(
                f"On {found['texts']} texts ({name}), version {facts['version']} is {outcome[name]} than "
                f"{facts['champion']}: {_told(found)}."
            )
        else:
            lines.append(f"Nothing could be measured on {name}: it is empty.")
    return "\n".join([*lines, f"Run {facts['run_id']}, retrain/retrain.html."])


def page(facts: Mapping[str, Any]) -> str:
    """The same as a self-contained page."""
    from homologate.evidence import stylesheet

    title = f"{facts['model']} version {facts['version']}: why it was trained"
    outcome = outcomes(facts["comparison"])
    rows = "".join(
        f"<tr><th scope='row'>{escape(name)} ({found['texts']} texts): {outcome[name]}</th><td>{WORDS[metric]}</td>"
        f"<td>{_interval(found['old'][metric])}</td><td>{_interval(found['new'][metric])}</td>"
        f"<td>{_interval(found['difference'][metric], signed=True)}</td></tr>"
        for name, found in facts["comparison"].items()
        if found["texts"]
        for metric in WORDS
    )
    measured = [f"{outcome[name]} on {name}" for name, found in facts["comparison"].items() if found["texts"]]
    against = f"Version {facts['version']} against version {facts['champion']}"
    told = f"{against}: {', '.join(measured) or 'nothing could be measured'}."
    says = facts["cause"]["says"][:1].upper() + facts["cause"]["says"][1:]
    drifted = facts["cause"].get("kind") == "drift"
    why = _drift(facts["cause"]) if drifted else f"<h2>Why</h2><p>{escape(says)}.</p>\n"
    material = facts["material"]
    left = "".join(f"<li>{count} {escape(reason)}</li>" for reason, count in material["excluded"].items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{stylesheet()}</style></head>
<body><header>
<p class="kicker"><span class="seal" aria-hidden="true"></span>{escape(title)}</p>
<h1>{escape(told)}</h1>
</header><main>
{why}<h2>What it learnt from</h2>
<p>The rows of version {escape(facts["champion"])} and {material["train"]} texts whose label two people stand behind;
{material["held_out"]} more were held out to measure on. No prediction of its own was learnt from.</p>
{f"<p>Left out:</p><ul>{left}</ul>" if left else ""}
<h2>What changed</h2>
<table><thead><tr><th scope="col">texts</th><th scope="col">metric</th>
<th scope="col">version {escape(facts["champion"])}</th><th scope="col">version {escape(facts["version"])}</th>
<th scope="col">difference</th></tr></thead><tbody>{rows}</tbody></table>
<p>Intervals are at 95 %, paired on the same texts. Nothing is promoted by this: people decide the request.</p>
</main></body></html>
"""


def _drift(cause: Mapping[str, Any]) -> str:
    """Which signals are beyond their limit, in which families, with which new words."""
    from homologate.evidence import moment

    drift = cause["facts"]
    rows = "".join(
        f"<tr><th scope='row'>{escape(signal['title'])}</th><td>{signal['value']:.3g}</td>"
        f"<td>{signal['limit']:.3g}</td><td>{escape(signal['why'])}</td></tr>"
        for signal in drift["signals"]
    )
    return f"""<h2>What drifted</h2>
<p>Since {moment(drift["since"])}. The newest window, from {moment(drift["window"]["start"])} to
{moment(drift["window"]["end"])}, is run <code>{escape(drift["run_id"])}</code>, drift/drift.html.</p>
<table><thead><tr><th scope="col">signal</th><th scope="col">value</th><th scope="col">limit</th>
<th scope="col">what moved</th></tr></thead><tbody>{rows}</tbody></table>
{named_page(drift)}
"""


def _told(found: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{WORDS[metric]} {_interval(found['new'][metric], bounds=False)} instead of "
        f"{_interval(found['old'][metric], bounds=False)}, {_interval(found['difference'][metric], signed=True)}"
        for metric in WORDS
        if found["new"][metric]["value"] is not None
    )


def _interval(found: Mapping[str, float | None], *, signed: bool = False, bounds: bool = True) -> str:
    form = "+.1%" if signed else ".1%"
    if found["value"] is None:
        return "cannot be told"
    told = format(found["value"], form)
    if bounds and found["low"] is not None and found["high"] is not None:
        told += f" ({format(found['low'], form)} to {format(found['high'], form)})"
    return told
