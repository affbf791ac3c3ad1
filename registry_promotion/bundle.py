"""What is known of a version and of the champion it is measured against: plain values, fetched by somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

__all__ = ["CLOCK_TOLERANCE", "REPORTS_ON_BYTES", "Champion", "EvidenceBundle", "is_about"]

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far in the future something may be dated before its date is not believed."""

REPORTS_ON_BYTES = (
    "comparison",
    "data-card",
    "evaluation",
    "explanation",
    "model-card",
    "parity",
    "responsible-ai",
    "shadow",
)
"""Reports whose subject is the model; `data` and `training` are bound to it by their signed statements."""


@dataclass(frozen=True)
class EvidenceBundle:
    """Everything that is known about one version, as fetched and verified just now.

    Attributes:
        model: registered name.
        version: version number, as text.
        digest: digest recomputed from the stored bytes, or None where they could not be read.
        facts: believed facts by kind: reports (`evaluation`, `explanation`, `parity`, `comparison`, `data`, …) as
            written, and `training`, the predicate of the signed provenance.
        measured_at: when each report was measured, by kind, from its signed statement.
        verification: `VerificationReport.facts()` of the bundle: `{"ok", "digest", "checks"}`.
        authors: accounts that made the version's runs or registered it.
        places: where a person finds each report, by kind (an address or a path of the bundle).
        size: bytes of all stored files of the model directory, counted now, or None where they could not be read.
    """

    model: str
    version: str
    digest: str | None
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    measured_at: Mapping[str, datetime] = field(default_factory=dict)
    verification: Mapping[str, Any] = field(default_factory=dict)
    authors: frozenset[str] = frozenset()
    places: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None

    def strangers(self) -> list[str]:
        """The kinds of report that are about other bytes, or cannot be about any."""
        return [k for k in REPORTS_ON_BYTES if k in self.facts and not is_about(self.facts[k], self.digest)]


@dataclass(frozen=True)
class Champion:
    """The version in Production that a candidate is measured against.

    Attributes:
        version: its number.
        digest: its digest as the ledger has it.
        evaluation: evaluation facts of it on the candidate's test items, or None where there are none.
        fault: why there are none.
    """

    version: str
    digest: str
    evaluation: Mapping[str, Any] | None = None
    fault: str = ""


def is_about(facts: Mapping[str, Any], digest: str | None) -> bool:
    """Whether a report names `digest` as its subject. Nothing is about an unknown digest."""
    subject = facts.get("subject")
    return digest is not None and isinstance(subject, Mapping) and subject.get("digest") == digest
