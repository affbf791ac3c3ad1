"""Compare what a version saw with its own past: one MLflow run a window, with a report.

    homologate monitor                          the version in Production: every day that is over and has something new
    homologate monitor models:/component-classifier/3 --period week
    homologate monitor --now 2026-03-02         as if it were that moment (UTC), to go through a store again

A window that was judged is not judged twice; one that received late records is, and its new run supersedes the old
one (tag `homologate.monitor.superseded_by`). Exit code: 0 no drift, 9 drift, 10 cannot tell (too few texts, an empty
store, hashes alone); the worst of what was judged now and of the newest window. A webhook (settings
`monitoring.webhook`) is told once of each finding that is not "no drift", again if it did not take it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from homologate.verbs._shared import add_settings, maybe


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "model", nargs="?", type=maybe(str), help="a reference as of `serve` (default: the settings' in Production)"
    )
    parser.add_argument("--period", type=maybe(str), choices=("hour", "day", "week", "month", None),
                        metavar="PERIOD", help="hour, day, week or month (default: as the settings)")  # fmt: skip
    parser.add_argument(
        "--look-back", type=maybe(int), metavar="N", help="windows to look at (default: as the settings)"
    )
    parser.add_argument("--now", type=maybe(str), metavar="MOMENT", help="ISO date or time, UTC (default: the clock's)")
    parser.add_argument(
        "--metrics",
        type=Path,
        metavar="FILE",
        help="write the newest finding for Prometheus (node_exporter's textfiles)",
    )
    parser.add_argument("--again", action="store_true", help="judge the newest window anew although nothing came")
    add_settings(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Visit every window and return what stands."""
    from homologate.errors import CANNOT_TELL, DRIFTED
    from homologate.settings import load_settings
    from homologate.verbs._shared import report_link
    from serve.monitor import notify, open_monitor, outcome_of, write_metrics

    given = {"period": args.period, "look_back": args.look_back}
    settings = load_settings(args.settings, monitoring={k: v for k, v in given.items() if v is not None})
    monitor = open_monitor(settings, args.model)
    watched = monitor.visit(_moment(args.now), again=args.again)
    links = {seen.window.name: report_link(monitor, seen.finding.run_id, "drift/drift.html") for seen in watched}
    if settings.monitoring.webhook:
        for seen in watched:
            if seen.finding.verdict != "no drift" and not monitor.was_told(seen.finding):
                notify(settings.monitoring.webhook, seen.finding, links[seen.window.name])
                monitor.note_told(seen.finding)
    if args.metrics:
        write_metrics(args.metrics, watched[-1].finding)
    return {
        "model": monitor.located.name,
        "version": monitor.located.version,
        "digest": monitor.located.digest,
        "windows": [
            {
                "window": seen.window.name,
                "reused": seen.reused,
                "report": links[seen.window.name],
                **seen.finding.as_json(),
            }
            for seen in watched
        ],
        "exit_code": {"drift": DRIFTED, "cannot tell": CANNOT_TELL, "no drift": 0}[outcome_of(watched)],
    }


def show(facts: dict[str, Any]) -> str:
    """A line a window, then the newest in full."""
    lines = [f"{facts['model']} version {facts['version']} ({facts['digest'][:19]}…)"]
    for one in facts["windows"]:
        lines.append(f"  {one['window']}  {one['records']:>8} predictions  {one['verdict']}")
        lines += [f"      {told}" for _, told in one["notes"] if not one["reused"]]
    last = facts["windows"][-1]
    lines += ["", f"report: {last['report']}"]
    if last["outcome"] == "drift":
        lines += [f"drifting since {last['cause']['since'][:16]}: {', '.join(last['cause']['signals'])}", ""]
        lines += ["next: homologate queue   says which texts to label; then: homologate retrain --because drift"]
    elif last["outcome"] == "cannot tell":
        lines += ["", "next: homologate monitor --period week   (longer windows hold more texts)"]
    else:
        lines += ["", "next: nothing to do; run this again when the next window is over"]
    return "\n".join(lines)


def _moment(words: str | None) -> Any:
    from datetime import UTC, datetime

    from homologate.errors import UsageError

    if not words:
        return None
    try:
        moment = datetime.fromisoformat(words)
    except ValueError as error:
        raise UsageError(f"{words!r} is no moment", place="--now", legal="2026-03-02 or 2026-03-02T06:00") from error
    return moment.replace(tzinfo=moment.tzinfo or UTC)
