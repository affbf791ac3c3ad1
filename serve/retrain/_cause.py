"""Why a model is trained again. The same cause has the same id, so it starts one retraining."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homologate.errors import DataError
from serve.feedback import WORSE

__all__ = ["Cause"]


@dataclass(frozen=True, slots=True)
class Cause:
    """A reason.

    Attributes:
        id: 32 hex digits; equal for the same kind of reason about the same version.
        kind: `manual` or `performance`.
        version: the version it is about.
        says: one sentence for people.
        facts: what was measured; JSON-serialisable.
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


def _id(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
