"""What was found in a window, as data: what `monitor` stores, what a retraining reads as its reason."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal

__all__ = ["CANNOT_TELL", "DRIFT", "NO_DRIFT", "Cause", "Family", "Finding", "NewWord", "Signal", "Verdict"]

Verdict = Literal["drift", "no drift", "cannot tell"]
DRIFT: Verdict = "drift"
NO_DRIFT: Verdict = "no drift"
CANNOT_TELL: Verdict = "cannot tell"
SCHEMA = 1


@dataclass(frozen=True)
class Signal:
    """One thing that was compared with the version's past.

    Attributes:
        name: of one of `SIGNALS`.
        title: the same for people.
        verdict: about this signal alone.
        why: one sentence: what moved and by how much, or why it cannot be told.
        value: the statistic; None where it cannot be told.
        expected: what the statistic is on average where nothing drifted, at these sizes.
        limit: the value at which this signal alarms, at these sizes.
        p: permutation p-value, before the correction for many signals.
        before, now: what the signal is about, in the reference and in the window, where one number says it.
    """

    name: str
    title: str
    verdict: Verdict
    why: str
    value: float | None = None
    expected: float | None = None
    limit: float | None = None
    p: float | None = None
    before: float | None = None
    now: float | None = None


@dataclass(frozen=True)
class Family:
    """A component family in the window against the same family in the reference.

    Attributes:
        name: as the callers say it.
        texts: records of the window.
        share, share_before: of all records, of all held-out texts.
        positive, positive_before: share answered with the positive label.
        unknown: share of its words that the version does not know; None where texts were not kept.
        p: of its embeddings having moved, adjusted for the number of families; None where there are too few texts.
        drifted: whether it is part of the cause.
    """

    name: str
    texts: int
    share: float
    share_before: float
    positive: float
    positive_before: float | None
    unknown: float | None
    p: float | None
    drifted: bool


@dataclass(frozen=True)
class NewWord:
    """A word the version does not know. `texts` of the window hold it, a share `share` of them."""

    word: str
    texts: int
    share: float


@dataclass(frozen=True)
class Cause:
    """What to tell whoever must act. Empty where nothing drifted.

    Attributes:
        signals: names of the signals that alarm.
        families: the families that moved or are new.
        words: the new words, the most frequent first.
        since: begin of the first window of the unbroken row of drifted windows this one ends.
    """

    signals: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    since: datetime | None = None


@dataclass(frozen=True)
class Finding:
    """Everything about one window of one version.

    Attributes:
        model, version, digest: who answered.
        start, end: of the window, UTC; `end` is not part of it.
        records: predictions in it.
        fingerprint: of the records; a late record changes it.
        verdict: of the window.
        sentence: the same in one line.
        signals, families, new_words: what was measured.
        cause: what drifted, and since when.
        notes: `(what, sentence)` of everything odd about the records.
        run_id: the MLflow run that holds it; "" before it is stored.
    """

    model: str
    version: str
    digest: str
    start: datetime
    end: datetime
    records: int
    fingerprint: str
    verdict: Verdict
    sentence: str
    signals: tuple[Signal, ...] = ()
    families: tuple[Family, ...] = ()
    new_words: tuple[NewWord, ...] = ()
    cause: Cause = Cause()
    notes: tuple[tuple[str, str], ...] = ()
    run_id: str = ""

    def signal(self, name: str) -> Signal:
        """One signal by name.

        Raises:
            KeyError: there is none of that name.
        """
        for signal in self.signals:
            if signal.name == name:
                return signal
        raise KeyError(name)

    def of_run(self, run_id: str) -> Finding:
        """The same, stored in a run."""
        return replace(self, run_id=run_id)

    def as_json(self) -> dict[str, Any]:
        """Facts as every report has them, `verdict` the line for people; `of_json` reads them back."""
        raw = asdict(self)
        raw |= {"outcome": self.verdict, "verdict": raw.pop("sentence"), "subject": {"digest": raw.pop("digest")}}
        raw |= {"start": self.start.isoformat(), "end": self.end.isoformat()}
        raw["cause"]["since"] = self.cause.since.isoformat() if self.cause.since else None
        return {"schema": SCHEMA, "kind": "drift", **raw}

    @classmethod
    def of_json(cls, raw: dict[str, Any]) -> Finding:
        """Read `as_json` back; other fields are passed over.

        Raises:
            KeyError, TypeError, ValueError: it is none.
        """
        if raw["schema"] != SCHEMA or raw["kind"] != "drift":
            raise ValueError(f"schema {raw['schema']!r} of kind {raw['kind']!r}")
        since, cause = raw["cause"]["since"], raw["cause"]
        return cls(
            **{name: raw[name] for name in ("model", "version", "records", "fingerprint", "run_id")},
            digest=raw["subject"]["digest"],
            verdict=raw["outcome"],
            sentence=raw["verdict"],
            start=datetime.fromisoformat(raw["start"]),
            end=datetime.fromisoformat(raw["end"]),
            signals=tuple(Signal(**signal) for signal in raw["signals"]),
            families=tuple(Family(**family) for family in raw["families"]),
            new_words=tuple(NewWord(**word) for word in raw["new_words"]),
            cause=Cause(
                tuple(cause["signals"]),
                tuple(cause["families"]),
                tuple(cause["words"]),
                datetime.fromisoformat(since) if since else None,
            ),
            notes=tuple((what, told) for what, told in raw["notes"]),
        )
