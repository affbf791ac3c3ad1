"""What the last lifecycle made, kept as `<home>/last.json` and told at the end of `make run` and `homologate where`.

No mlflow, torch or pandas may be imported here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.settings import Settings

if TYPE_CHECKING:
    from homologate.steps.context import Context, Outcome

__all__ = ["recall", "remember", "summary", "told"]

FILE = "last.json"
FIGURES = {"average_precision": "average precision", "f1": "F1", "recall": "recall", "accuracy": "accuracy"}
PAGES = {
    "parity": ("export", ""),
    "evaluation": ("evaluate", ""),
    "explanation": ("explain", ""),
    **dict.fromkeys(("comparison", "model-card", "data-card", "responsible-ai"), ("register", "evidence/")),
}
"""Every page for a reviewer: the step whose run holds it, and where among its artifacts."""
BASELINES = {"tfidf": "TF-IDF + logistic regression", "majority": "majority"}


def summary(context: Context, outcomes: Mapping[str, Outcome]) -> dict[str, Any]:
    """The facts of one lifecycle: version, figures beside the baselines, reports, times.

    Args:
        context: the command's surroundings.
        outcomes: `homologate.pipeline.run_all`'s result.
    """
    from homologate.verbs._shared import report_link

    metrics = outcomes["evaluate"].facts["metrics"]
    served = context.settings.scoring.precision
    rows = {"this version": f"metrics.{served}", **{title: f"baselines.{name}" for name, title in BASELINES.items()}}
    figures = {
        title: {name: metrics[f"{where}.{name}"] for name in FIGURES if f"{where}.{name}" in metrics}
        for title, where in rows.items()
    }
    return {
        "model": outcomes["register"].facts["model"],
        "version": outcomes["register"].facts["version"],
        "digest": outcomes["register"].facts["digest"],
        "source": context.settings.data.source,
        "positive": context.settings.data.labels.positive,
        "figures": figures,
        "gain": _gain(context, outcomes["evaluate"].run_id),
        "reports": {
            kind: report_link(context, outcomes[step].run_id, f"{folder}{kind}/{kind}.html")
            for kind, (step, folder) in PAGES.items()
        },
        "runs": {step: outcome.run_id for step, outcome in outcomes.items()},
        "reused": [step for step, outcome in outcomes.items() if outcome.reused],
        "seconds": {step: round(outcome.seconds, 1) for step, outcome in outcomes.items()},
        "stage_note": "registered; other people decide whether it reaches Staging and Production",
    }


def _gain(context: Context, evaluate_run: str) -> dict[str, dict[str, Any]]:
    """What the version gains over TF-IDF on the same items, from its evaluation report, with a sentence for each."""
    from homologate.evidence import gain_in_words

    report = context.tracker.fetch(evaluate_run, "evaluation/evaluation.json")
    gain = json.loads(report.read_text(encoding="utf-8"))["gain"]["tfidf"]
    return {
        FIGURES[name]: {**gain[name], "told": gain_in_words(gain[name], FIGURES[name])}
        for name in ("average_precision", "f1")
    }


def remember(settings: Settings, facts: dict[str, Any]) -> dict[str, Any]:
    """Keep the facts for `homologate where`, whole or not at all; return them."""
    home = Path(settings.home)
    home.mkdir(parents=True, exist_ok=True)
    scratch = home / f".{FILE}"
    scratch.write_text(json.dumps(facts, indent=2), encoding="utf-8")
    scratch.replace(home / FILE)
    return facts


def recall(settings: Settings) -> dict[str, Any] | None:
    """The facts of the last lifecycle of this home, or None."""
    try:
        facts: dict[str, Any] = json.loads((Path(settings.home) / FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return facts


def told(facts: Mapping[str, Any], *, closing: bool = True) -> str:
    """The facts as a short page."""
    width = max(map(len, facts["figures"]))
    heads = [FIGURES[name] for name in next(iter(facts["figures"].values()))]
    lines = [
        f"{facts['model']} version {facts['version']}: {facts['stage_note']}",
        f"digest {facts['digest']}",
        "",
        f"{'on the stored test items':<{width}}  " + "  ".join(f"{head:>17}" for head in heads),
    ]
    for title, figures in facts["figures"].items():
        lines.append(f"{title:<{width}}  " + "  ".join(f"{value:>17.3f}" for value in figures.values()))
    # A summary kept by an earlier release has no gain in it.
    lines += ["", *(f"it {gain['told']}" for gain in facts.get("gain", {}).values())]
    lines += ["", *(f"{name.replace('-', ' '):<18}  {link}" for name, link in facts["reports"].items())]
    if facts["reused"]:
        lines += ["", f"reused, because nothing they depend on has changed: {', '.join(facts['reused'])}"]
    ask = f"next: homologate request {facts['model']} {facts['version']} --to Staging --reason …"
    return "\n".join([*lines, "", ask] if closing else lines)
