"""Charts as SVG that takes its colours from the page, so light, dark and paper need no second drawing.

Every chart is drawn at the width of a phone (360 units), so that letters stay legible there and a laptop shows two
side by side. Every chart has a title and a description for who listens to the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from markupsafe import Markup, escape

__all__ = ["CHARTS"]

WIDTH, HEIGHT = 360.0, 236.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 42.0, 10.0, 12.0, 40.0

Numbers = Sequence[float | None]


@dataclass
class Plot:
    """A plane with axes on which lines, bands and dots are put, in data units."""

    title: str
    about: str
    x: tuple[float, float]
    y: tuple[float, float]
    x_label: str
    y_label: str
    x_ticks: Sequence[tuple[float, str]]
    y_ticks: Sequence[tuple[float, str]]
    name: str
    parts: list[str] = field(default_factory=list)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Data units to SVG units."""
        across = (x - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / ((self.y[1] - self.y[0]) or 1)
        return _LEFT + across * (WIDTH - _LEFT - _RIGHT), HEIGHT - _BOTTOM - up * (HEIGHT - _TOP - _BOTTOM)

    def line(self, xs: Numbers, ys: Numbers, style: str) -> None:
        """A line through the points that are known."""
        points = [self.at(x, y) for x, y in zip(xs, ys, strict=True) if x is not None and y is not None]
        if len(points) > 1:
            path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            self.parts.append(f'<path class="line {style}" d="{path}"/>')

    def band(self, xs: Numbers, lows: Numbers, highs: Numbers, style: str) -> None:
        """The area between two curves."""
        known = [(x, a, b) for x, a, b in zip(xs, lows, highs, strict=True) if None not in (x, a, b)]
        if len(known) > 1:
            there = [self.at(float(x or 0), float(b or 0)) for x, _, b in known]
            back = [self.at(float(x or 0), float(a or 0)) for x, a, _ in reversed(known)]
            path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in there + back) + "Z"
            self.parts.append(f'<path class="band {style}" d="{path}"/>')

    def dot(self, x: float, y: float, style: str, radius: float = 3.4) -> None:
        """A point."""
        left, top = self.at(x, y)
        self.parts.append(f'<circle class="dot {style}" cx="{left:.1f}" cy="{top:.1f}" r="{radius}"/>')

    def bar(self, x: float, low: float, high: float, style: str) -> None:
        """A vertical interval."""
        (left, top), (_, bottom) = self.at(x, high), self.at(x, low)
        self.parts.append(f'<path class="line {style}" d="M{left:.1f} {top:.1f}V{bottom:.1f}"/>')

    def upright(self, x: float, text: str, *, end: bool = False) -> None:
        """A vertical rule with a word at its head."""
        left, _ = self.at(x, self.y[0])
        anchor, shift = ("end", -5) if end else ("start", 5)
        self.parts.append(f'<path class="rule" d="M{left:.1f} {_TOP}V{HEIGHT - _BOTTOM}"/>')
        self.parts.append(_written("note", left + shift, _TOP + 9, text, anchor))

    def drawn(self, legend: Sequence[tuple[str, str]] = ()) -> Markup:
        """The finished chart with its legend."""
        floor, middle = HEIGHT - _BOTTOM, (_LEFT + WIDTH - _RIGHT) / 2
        axes = [f'<path class="axis" d="M{_LEFT} {floor}H{WIDTH - _RIGHT}"/>']
        for value, label in self.y_ticks:
            _, top = self.at(self.x[0], value)
            axes.append(f'<path class="grid" d="M{_LEFT} {top:.1f}H{WIDTH - _RIGHT}"/>')
            axes.append(_written("tick", _LEFT - 6, top + 3.5, label, "end"))
        for value, label in self.x_ticks:
            left, _ = self.at(value, self.y[0])
            # A long number at the right edge would be cut off on paper.
            at_edge = left > WIDTH - _RIGHT - 3 * len(label)
            axes.append(_written("tick", left, floor + 15, label, "end" if at_edge and len(label) > 3 else "middle"))
        axes.append(_written("label", middle, HEIGHT - 7, self.x_label, "middle"))
        names = f"{self.name}-t {self.name}-d"
        head = f'<title id="{self.name}-t">{escape(self.title)}</title>'
        about = f'<desc id="{self.name}-d">{escape(self.about)}</desc>'
        swatches = "".join(f'<li><i class="{style}"></i>{escape(text)}</li>' for style, text in legend)
        return Markup(  # noqa: S704 (every word in it went through escape)
            f'<p class="chart-title">{escape(self.title)} <span>{escape(self.y_label)}</span></p>'
            + (f'<ul class="legend">{swatches}</ul>' if swatches else "")
            + f'<svg class="chart" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-labelledby="{names}">'
            + "".join([head, about, *axes, *self.parts])
            + "</svg>"
        )


def _written(kind: str, x: float, y: float, words: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def reliability_chart(bins: Mapping[str, Sequence[Mapping[str, Any]]], served: str) -> Markup:
    """How often the label was positive where the model said so and so much."""
    plot = Plot(
        "Said against seen", "Observed share of positives for each bin of predicted probability.", (0, 1), (0, 1),
        "probability said", "share seen", _parts(), _shares(), "reliability",
    )  # fmt: skip
    plot.line([0, 1], [0, 1], "ideal")
    most = max(entry["rows"] for entry in bins[served])
    for entry in bins[served]:
        seen = entry["share_positive"]
        if seen["value"] is None:
            continue
        if seen["low"] is not None:
            plot.bar(entry["mean_probability"], seen["low"], seen["high"], "whisker")
        plot.dot(entry["mean_probability"], seen["value"], "ours", 2.5 + 5 * (entry["rows"] / most) ** 0.5)
    legend = [("ours", f"{served}, larger dots are more texts"), ("ideal", "what was said came true")]
    return plot.drawn(legend)


def cost_chart(curve: Mapping[str, Any], threshold: float) -> Markup:
    """What each threshold costs."""
    xs = curve["thresholds"]
    roof = 1.08 * max(*[c for c in curve["cost_high"] if c is not None], curve["always_stop"])
    roof = min(roof, 2.5 * max(curve["always_stop"], min(curve["always_pass"], roof)))
    plot = Plot(
        "What a threshold costs", "Cost per text at every decision threshold, with its 95 % band.", (0, 1), (0, roof),
        "decision threshold", "cost per text", _parts(), _even(roof), "cost",
    )  # fmt: skip
    inside = [min(c, roof) if c is not None else None for c in curve["cost_high"]]
    plot.band(xs, curve["cost_low"], inside, "ours")
    plot.line([0, 1], [curve["always_stop"]] * 2, "base")
    plot.line(xs, [c if c is not None and c <= roof else None for c in curve["cost"]], "ours")
    plot.upright(threshold, f"in use {threshold:.2f}", end=threshold > 0.6)
    return plot.drawn([("ours", "this model"), ("base", "stop everything, no model")])


def trade_chart(curve: Mapping[str, Any], threshold: float) -> Markup:
    """Precision and recall at each threshold."""
    plot = Plot(
        "What a threshold catches", "Recall and precision of the positive label at every threshold.", (0, 1), (0, 1),
        "decision threshold", "share", _parts(), _shares(), "trade",
    )  # fmt: skip
    plot.line(curve["thresholds"], curve["recall"], "ours")
    plot.line(curve["thresholds"], curve["precision"], "base")
    plot.upright(threshold, f"in use {threshold:.2f}", end=threshold > 0.6)
    return plot.drawn([("ours", "bad parts caught (recall)"), ("base", "stops that are right (precision)")])


def learning_chart(points: Sequence[Mapping[str, Any]], ours: float | None) -> Markup:
    """The baseline's average precision by rows of training."""
    most = max(point["rows"] for point in points)
    ticks = [(point["rows"], f"{point['rows']:,}") for point in points]
    plot = Plot(
        "What more rows buy", "Average precision of the baseline after four sizes of the training set.",
        (0, most), (0, 1), "training rows", "average precision", ticks[1:] if len(ticks) > 3 else ticks, _parts(),
        "learning",
    )  # fmt: skip
    values = [point["average_precision"] for point in points]
    xs = [point["rows"] for point in points]
    plot.band(xs, [v["low"] for v in values], [v["high"] for v in values], "base")
    plot.line(xs, [v["value"] for v in values], "base")
    if ours is not None:
        plot.dot(most, ours, "ours", 4.5)
    return plot.drawn([("base", "TF-IDF baseline"), ("ours", "this model, all rows")])


def steps_chart(
    title: str,
    about: str,
    y_label: str,
    name: str,
    steps: Sequence[int],
    series: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Markup:
    """Deletion or insertion by number of words: shares, occlusion and random."""
    styles = {"occlusion": "second", "random": "base", "shares": "ours"}
    words = {"shares": "strongest by the shown words", "occlusion": "strongest by occlusion", "random": "random words"}
    bounds = [v[key] for values in series.values() for v in values for key in ("low", "high") if v[key] is not None]
    low, high = min(bounds), max(bounds)
    low, high = (min(0.0, low), high) if name == "deletion" else (low - 0.05 * (high - low), high)
    plot = Plot(
        title, about, (0, max(steps)), (low, high + 0.05 * (high - low) or 1.0), "words", y_label,
        [(step, str(step)) for step in steps], _even(high, low), name,
    )  # fmt: skip
    for key, style in styles.items():
        if key in series:
            values = series[key]
            plot.band(steps, [v["low"] for v in values], [v["high"] for v in values], style)
            plot.line(steps, [v["value"] for v in values], style)
    return plot.drawn([(styles[key], words[key]) for key in ("shares", "occlusion", "random") if key in series])


def floor_of(rows: Sequence[Mapping[str, Any]], name: str) -> float:
    """Where the whiskers of a column begin: the lowest bound, rounded down to a tenth."""
    lows = [row[name]["low"] for row in rows if row[name]["low"] is not None]
    return int(10 * min(lows, default=0.0)) / 10


def whisker(interval: Mapping[str, Any], low: float = 0.0, high: float = 1.0, mark: float | None = None) -> Markup:
    """An interval in a table cell: a dot on a line, and a tick where everyone is. The numbers stand beside it."""
    if interval["value"] is None:
        return Markup("")
    place: Callable[[float], float] = lambda value: 4 + 112 * (min(max(value, low), high) - low) / ((high - low) or 1)  # noqa: E731
    parts = ['<path class="rail" d="M4 8H116"/>']
    if mark is not None:
        parts.append(f'<path class="rule" d="M{place(mark):.1f} 2V14"/>')
    if interval["low"] is not None:
        parts.append(f'<path class="line ours" d="M{place(interval["low"]):.1f} 8H{place(interval["high"]):.1f}"/>')
    parts.append(f'<circle class="dot ours" cx="{place(interval["value"]):.1f}" cy="8" r="3.2"/>')
    body = "".join(parts)  # numbers only
    return Markup(f'<svg class="whisker" viewBox="0 0 120 16" aria-hidden="true">{body}</svg>')  # noqa: S704


def limit_bar(signal: Mapping[str, Any]) -> Markup:
    """How far a value went from what chance gives towards its limit (the rule, at half the width), in a table cell."""
    reach = (signal["limit"] - signal["expected"]) or 1.0
    gone = min(max((signal["value"] - signal["expected"]) / reach, 0.0), 2.0)
    style = "ours" if signal["verdict"] == "drift" else "base"
    body = f'<path class="rail" d="M4 8H116"/><path class="line {style}" d="M4 8H{4 + 56 * gone:.1f}"/>'
    rule = '<path class="rule" d="M60 2V14"/>'
    return Markup(f'<svg class="whisker" viewBox="0 0 120 16" aria-hidden="true">{body}{rule}</svg>')  # noqa: S704


def _shares() -> list[tuple[float, str]]:
    return [(0, "0"), (0.25, "25%"), (0.5, "50%"), (0.75, "75%"), (1, "100%")]


def _parts() -> list[tuple[float, str]]:
    return [(0, "0"), (0.25, "0.25"), (0.5, "0.5"), (0.75, "0.75"), (1, "1")]


def _even(high: float, low: float = 0.0) -> list[tuple[float, str]]:
    """Ticks at round numbers, three to six of them."""
    reach = (high - low) or 1.0
    step = next(s for s in (m * 10.0**e for e in range(-4, 7) for m in (1, 2, 5)) if reach / s <= 5)
    first = int(low // step) + (low % step > 1e-9)
    found = []
    for index in count(first):
        value = index * step
        if value > high + 1e-9:
            break
        found.append((value, f"{value:g}".replace("-", "−")))
    return found


CHARTS = {
    "cost_chart": cost_chart,
    "floor_of": floor_of,
    "learning_chart": learning_chart,
    "limit_bar": limit_bar,
    "reliability_chart": reliability_chart,
    "steps_chart": steps_chart,
    "trade_chart": trade_chart,
    "whisker": whisker,
}
