"""One page for the operator: what is in Production, its traffic and latency, what came true, alerts and commands.

    homologate dashboard                     writes dashboard.html
    homologate dashboard --days 30 --out /srv/www/homologate.html      from a timer, say

The page is self-contained: no script, no request to anywhere. The server's own counts are on its `/metrics`;
`--grafana FILE` writes a Grafana dashboard of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--out", type=Path, default=Path("dashboard.html"), help="default: dashboard.html")
    parser.add_argument("--days", type=int, default=7, metavar="N", help="of traffic (default: 7)")
    parser.add_argument("--grafana", type=Path, metavar="FILE", help="write the Grafana dashboard instead")
    parser.add_argument("--settings", metavar="FILE", help="settings file (default: as every command)")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Gather and write."""
    from importlib.resources import files

    if args.grafana:
        _write(args.grafana, files("serve.dashboard").joinpath("grafana.json").read_text(encoding="utf-8"))
        return {"out": str(args.grafana), "alerts": []}
    from homologate.settings import load_settings
    from serve.dashboard import dashboard, page

    settings = load_settings(args.settings)
    facts = dashboard(settings, days=args.days)
    _write(args.out, page(facts))
    return {"out": str(args.out), **facts}


def show(facts: dict[str, Any]) -> str:
    """Where the page is, and what needs somebody."""
    lines = [f"{one['what']}\n    {one['command']}" for one in facts["alerts"]]
    return "\n".join([*lines, f"written to {facts['out']}"])


def _write(file: Path, text: str) -> None:
    from homologate.errors import StorageError

    scratch = file.with_name(file.name + ".part")
    try:
        scratch.write_text(text, encoding="utf-8")
        scratch.replace(file)
    except OSError as error:
        raise StorageError(f"cannot write: {error.strerror}", place=str(file)) from error
