"""The facts as one page, which asks for nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from homologate.evidence import moment, stylesheet
from serve.monitor import named_page

__all__ = ["page"]

OWN_STYLE = """
main h2 { margin-top: 2rem; }
.alerts { list-style: none; padding: 0; margin: 0; }
.alerts li { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; justify-content: space-between; padding: .5rem 0; }
.alerts li { border-bottom: 1px solid var(--grid); }
.bar { fill: currentColor; opacity: .55; } svg.days { display: block; width: 100%; height: 5rem; margin-bottom: .6rem; }
"""
FEWEST_BARS = 15
"""One day of traffic must not look like a wall."""


def page(facts: Mapping[str, Any]) -> str:
    """One self-contained page of HTML; the same facts give the same bytes."""
    style = stylesheet() + OWN_STYLE
    policy = f"default-src 'none'; style-src 'sha256-{_sha256(style)}'; base-uri 'none'; form-action 'none'"
    head = "\n".join([_verdict(facts), _production(facts)])
    body = "\n".join([_figures(facts), _alerts(facts), _traffic(facts), _drift(facts), _performance(facts)])
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(facts["model"])} in production</title>
<style>{style}</style></head>
<body><header>
<p class="kicker"><span class="seal" aria-hidden="true"></span>{escape(facts["model"])} in production</p>
{head}
</header><main>
{body}
</main><footer>
<p>Made {escape(moment(facts["made"]))}. Again: <code>homologate dashboard</code></p>
</footer></body></html>
"""


def _verdict(facts: Mapping[str, Any]) -> str:
    """The page in one line: how much needs somebody, the most urgent first."""
    found = facts["alerts"]
    if not found:
        return "<h1>Nothing needs anybody now.</h1>"
    first, more = found[0]["what"], len(found) - 1
    told = f"{first[:1].upper()}{first[1:]}{f', and {more} more' if more else ''}."
    return f"<h1>{escape(told)}</h1>"


def _production(facts: Mapping[str, Any]) -> str:
    found = facts["production"]
    if found is None:
        return '<p class="subject">Nothing is known to be in Production.</p>'
    since = f", in Production since {escape(moment(found['since']))}" if found["since"] else ""
    digest = f'<span class="digest">{escape(found["digest"][:23])}</span>'
    return f'<p class="subject">Version {escape(found["version"])}{since} · {digest}</p>'


def _figures(facts: Mapping[str, Any]) -> str:
    """The newest day and the newest window, in four numbers."""
    told = []
    if facts["traffic"]:
        day = facts["traffic"][-1]
        told = [
            ("predictions", f"{day['predictions']:,}", day["day"]),
            ("99th percentile", _ms(day["p99_ms"]), f"median {_ms(day['p50_ms'])}"),
            ("share of the positive label", f"{day['positive_share']:.1%}", day["day"]),
        ]
    if (drift := facts["drift"]) is not None:
        crossed = sum(signal["verdict"] == "drift" for signal in drift["signals"])
        told.append(("drift signals beyond their limit", str(crossed), f"of {len(drift['signals'])}"))
    tiles = "".join(
        f'<div class="figure"><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd></div>'
        for name, value, note in told
    )
    return f'<dl class="figures">{tiles}</dl>' if tiles else ""


def _alerts(facts: Mapping[str, Any]) -> str:
    if not facts["alerts"]:
        return ""
    items = "".join(
        f"<li><span>{escape(one['what'])}</span><code>{escape(one['command'])}</code></li>" for one in facts["alerts"]
    )
    return f"<h2>Alerts, and the command for each</h2><ul class='alerts'>{items}</ul>"


def _traffic(facts: Mapping[str, Any]) -> str:
    days = facts["traffic"]
    if not days:
        return f"<h2>Traffic</h2><p>No prediction was kept in the last {facts['days']} days.</p>"
    rows = [
        [
            day["day"],
            f"{day['predictions']:,}",
            _ms(day["p50_ms"]),
            _ms(day["p99_ms"]),
            f"{day['positive_share']:.1%}",
            ", ".join(f"{version}: {count:,}" for version, count in day["versions"].items()),
        ]
        for day in days
    ]
    head = ["day (UTC)", "predictions", "median", "99th percentile", "share of the positive label", "by version"]
    return f"<h2>Traffic</h2>{_bars([day['predictions'] for day in days])}{_table('Traffic by day', head, rows)}"


def _drift(facts: Mapping[str, Any]) -> str:
    found = facts["drift"]
    if found is None:
        return "<h2>Drift</h2><p>No window was compared with the past of the version in Production.</p>"
    signals = [
        [signal["title"], _number(signal["value"]), _number(signal["limit"]), signal["verdict"], signal["why"]]
        for signal in found["signals"]
    ]
    windows = [[moment(one["start"]), f"{one['records']:,}", one["verdict"]] for one in found["windows"]]
    return (
        f"<h2>Drift</h2><p>{escape(found['verdict'])} Run <code>{escape(found['run_id'])}</code>, drift/drift.html.</p>"
        f"{named_page(found['cause'])}"
        f"{_table('Signals of the newest window', ['signal', 'value', 'limit', 'verdict', 'why'], signals)}"
        f"{_table('Windows', ['begin (UTC)', 'predictions', 'verdict'], windows)}"
    )


def _performance(facts: Mapping[str, Any]) -> str:
    found = facts["performance"]
    if found is None:
        return ""
    rows = [
        [name.replace("_", " "), _interval(metric), _interval(metric["promised"]), metric["verdict"]]
        for name, metric in found["metrics"].items()
    ]
    table = _table("Real and promised", ["metric", "real", "promised", ""], rows) if rows else ""
    slices = [
        [f"{kind}: {one['name']}", str(one["labels"]), _interval(one.get("accuracy"))]
        for kind, group in (("month", found["periods"]), *found["slices"].items())
        for one in group
    ]
    more = _table("Accuracy by slice", ["slice", "labels", "accuracy"], slices) if slices else ""
    return f"<h2>What came true</h2><p>{escape(found['verdict'])}.</p>{table}{more}"


def _table(label: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th scope='col'>{escape(word)}</th>" if word else "<td></td>" for word in head)
    body = "".join(
        f"<tr><th scope='row'>{escape(row[0])}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    table = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
    return f"<div class='scroll' tabindex='0' role='region' aria-label='{label}'>{table}</div>"


def _bars(values: Sequence[float]) -> str:
    """The same numbers as bars; the table below says them to who cannot see."""
    most, width = max(values) or 1, 360 / max(len(values), FEWEST_BARS)
    bars = "".join(
        f'<rect class="bar" x="{at * width + 1:.1f}" y="{60 - 58 * value / most:.1f}" width="{max(width - 2, 1):.1f}" '
        f'height="{58 * value / most:.1f}"/>'
        for at, value in enumerate(values)
    )
    return f'<svg class="days" viewBox="0 0 360 60" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>'


def _interval(found: Mapping[str, float | None] | None) -> str:
    if found is None or found["value"] is None:
        return "cannot be told"
    bounds = f" ({found['low']:.1%} to {found['high']:.1%})" if found["low"] is not None else ""
    return f"{found['value']:.1%}{bounds}"


def _number(value: float | None) -> str:
    return "cannot be told" if value is None else f"{value:.3g}"


def _ms(value: float | None) -> str:
    return "nobody waited" if value is None else f"{value:.1f} ms"


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
