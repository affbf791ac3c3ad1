"""Why a model is trained again. The same cause has the same id, so it starts one retraining."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from homologate.errors import DataError
from serve.feedback import WORSE
from serve.monitor import CANNOT_TELL, DRIFT, Finding

__all__ = ["Cause"]

MOST_TOLD = 8
"""New words and families named in one sentence; the page lists them all."""


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason.

    Attributes:
        id: 32 hex digits; equal for the same kind of reason about the same version.
        kind: `manual`, `performance` or `drift`.
        version: the version it is about.
        says: one sentence for people.
        facts: what was measured; JSON-serialisable. Of a drift: `run_id` of the window's run, `window`, `since`, and
            what drifted: `signals` (each with value and limit), `families`, `words`.
    """

    id: str
    kind: str
    version: str
    says: str
    facts: Mapping[str, Any]

    @classmethod
    def manual(cls, version: str, reason: str) -> Cause:
        """A person's own reason; another wording is another cause."""
        return cls(_id("manual", version, reason), "manual", version, reason, {})

    @classmethod
    def performance(cls, facts: Mapping[str, Any]) -> Cause:
        """Real performance that breaks the promise; one cause a version, however often it is measured.

        Args:
            facts: of `serve.feedback.performance`, with `version`.

        Raises:
            DataError: no promise is broken.
        """
        version = str(facts["version"])
        broken = {name: metric for name, metric in facts["metrics"].items() if metric["verdict"] == WORSE}
        if not broken:
            raise DataError(
                f"version {version} does what was promised: {facts['verdict']}",
                place="real performance",
                legal="a metric whose interval lies beyond the promised one",
                next_command='homologate retrain --reason "…"  # with a reason of your own',
            )
        told = "; ".join(
            f"{name.replace('_', ' ')} {metric['value']:.1%} ({metric['low']:.1%} to {metric['high']:.1%}), promised "
            f"{metric['promised']['value']:.1%} ({metric['promised']['low']:.1%} to {metric['promised']['high']:.1%})"
            for name, metric in broken.items()
        )
        says = f"version {version} does worse than promised on {facts['labelled']} labels: {told}"
        return cls(_id("performance", version), "performance", version, says, dict(facts))

    @classmethod
    def drift(cls, version: str, findings: Sequence[Finding]) -> Cause:
        """The drift of the newest window that could be judged; one cause from its first window to its last.

        A window that cannot be told takes no drift back.

        Args:
            version: the one in Production.
            findings: about it, oldest window first (`serve.monitor.findings_of`).

        Raises:
            DataError: no window was judged, or the newest that could be did not drift.
        """
        told = [finding for finding in findings if finding.verdict != CANNOT_TELL]
        if not told or told[-1].verdict != DRIFT:
            last = told[-1] if told else findings[-1] if findings else None
            raise DataError(
                f"no drift of version {version} is known: "
                + (f"{last.start:%Y-%m-%d %H:%M}: {last.sentence}" if last else "no window of it was ever judged"),
                place="the findings of homologate monitor",
                legal="a newest window that drifted",
                next_command="homologate monitor",
            )
        finding = told[-1]
        drifted = [signal for signal in finding.signals if signal.verdict == DRIFT]
        cause, since = finding.cause, finding.cause.since or finding.start
        facts = {
            "run_id": finding.run_id,
            "window": {"start": finding.start.isoformat(), "end": finding.end.isoformat()},
            "since": since.isoformat(),
            "signals": [
                {"name": s.name, "title": s.title, "value": s.value, "limit": s.limit, "why": s.why} for s in drifted
            ],
            "families": list(cause.families),
            "words": list(cause.words),
        }
        says = (
            f"what version {version} is asked has drifted since {since:%Y-%m-%d %H:%M} UTC: "
            + ", ".join(f"{s.title.lower()} {s.value:.3g} (limit {s.limit:.3g})" for s in drifted)
            + _listed("families", cause.families)
            + _listed("new words", cause.words)
        )
        return cls(_id("drift", version, since.isoformat()), "drift", version, says, facts)

    @property
    def tags(self) -> dict[str, str]:
        """What the run of a retraining is tagged with, besides the id and the sentence."""
        if self.kind != "drift":
            return {}
        told = {
            "run": self.facts["run_id"],
            "since": self.facts["since"],
            "signals": ", ".join(signal["name"] for signal in self.facts["signals"]),
            "families": ", ".join(self.facts["families"]),
            "words": ", ".join(self.facts["words"]),
        }
        return {f"homologate.drift.{name}": value for name, value in told.items() if value}


def _listed(what: str, names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
    return f"; {what}: {', '.join(names[:MOST_TOLD])}{more}" if names else ""


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
