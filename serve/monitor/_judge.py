"""From two samples to a verdict: every signal tested, the tests corrected for their number, nothing guessed.

drift         a signal is further off than chance would have it (Holm, family-wise `alpha`) by more than matters
no drift      every signal that needs no label and no component was told, on enough texts, and none alarms
cannot tell   everything else; a window is never cleared because little was seen
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from homologate.reference import Profile, Sample
from serve.monitor._finding import CANNOT_TELL, DRIFT, NO_DRIFT, Cause, Family, Finding, NewWord, Signal, Verdict
from serve.monitor._observed import Observed
from serve.monitor._signals import SIGNALS, Kind, Measured, Missing, Sides

__all__ = ["Rules", "Subject", "judge", "since", "threshold_of"]

MOST_NEW_WORDS = 40
FEWEST_WITH_WORD = 3
LEAST_SHARE_WITH_WORD = 0.002
MOST_LOST = 0.01
"""Share of records lost to broken lines above which a window is not cleared."""


@dataclass(frozen=True)
class Rules:
    """How a window is judged (settings `monitoring`).

    Attributes:
        alpha: share of undrifted windows that may alarm, over all signals together.
        minimum_texts: fewer distinct texts tell nothing.
        enough_texts: fewer distinct texts may show a drift, but never that there is none.
    """

    alpha: float = 0.01
    minimum_texts: int = 50
    enough_texts: int = 200


@dataclass(frozen=True)
class Subject:
    """Which window of which version."""

    model: str
    version: str
    digest: str
    start: datetime
    end: datetime


def judge(
    subject: Subject,
    observed: Observed,
    profile: Profile,
    sample: Sample,
    rules: Rules = Rules(),
    *,
    notes: Sequence[tuple[str, str]] = (),
    lost: int = 0,
) -> Finding:
    """Judge a window.

    Args:
        subject: which.
        observed: its records.
        profile: of the version.
        sample: the numbers of the observed sample.
        rules: how.
        notes: what was odd about the records.
        lost: records known to be unreadable.

    Returns:
        The finding, its cause without `since`: that is known to whoever knows the windows before.
    """
    sides = Sides(profile.held_out, sample, float(profile.facts["threshold"]), rules.minimum_texts)
    tested, untold = _measure(sides)
    level = threshold_of([measured.outcome.p for measured in tested.values()], rules.alpha)
    signals = tuple(
        _signal(kind, tested[kind.name], level)
        if kind.name in tested
        else Signal(kind.name, kind.title, CANNOT_TELL, untold[kind.name])
        for kind in SIGNALS
    )
    drifted = [signal for signal in signals if signal.verdict == DRIFT]
    moved = tested["families"].parts if "families" in tested else {}
    families = _family_rows(observed, profile, moved, level)
    fresh = _new_words(observed)
    cause = _cause(drifted, families, fresh)
    reasons = _doubts(signals, sample, rules, lost, observed.records)
    verdict: Verdict = DRIFT if drifted else CANNOT_TELL if reasons else NO_DRIFT
    return Finding(
        model=subject.model,
        version=subject.version,
        digest=subject.digest,
        start=subject.start,
        end=subject.end,
        records=observed.records,
        fingerprint=observed.fingerprint,
        verdict=verdict,
        sentence=_sentence(verdict, drifted, reasons, cause, sample, signals),
        signals=signals,
        families=families,
        new_words=fresh,
        cause=cause,
        notes=tuple(notes),
    )


def threshold_of(ps: Sequence[float], alpha: float) -> float:
    """The level below which Holm's procedure rejects (Holm 1979): `p <= level` is exactly what it rejects.

    Args:
        ps: one p-value a signal.
        alpha: chance that any of them is rejected where nothing drifted, however they depend on each other.
    """
    left = max(len(ps), 1)
    for p in sorted(ps):
        if p > alpha / left:
            return alpha / left
        left = max(left - 1, 1)
    return alpha / left


def _measure(sides: Sides) -> tuple[dict[str, Measured], dict[str, str]]:
    tested: dict[str, Measured] = {}
    untold: dict[str, str] = {}
    for kind in SIGNALS:
        try:
            tested[kind.name] = kind.measure(sides)
        except Missing as reason:
            untold[kind.name] = str(reason)
    return tested, untold


def _signal(kind: Kind, measured: Measured, level: float) -> Signal:
    outcome = measured.outcome
    p, excess = outcome.p, outcome.seen - outcome.expected
    limit = max(outcome.limit(level), outcome.expected + kind.matters)
    alarms = p <= level and excess >= kind.matters
    compared = f"{outcome.seen:.3g} where chance gives {outcome.expected:.3g} and the limit is {limit:.3g}"
    moved = f"{_told(measured.before, kind.told_as)} → {_told(measured.now, kind.told_as)}; " if kind.told_as else ""
    small = ", too small a shift to matter" if p <= level and not alarms else ""
    return Signal(
        name=kind.name,
        title=kind.title,
        verdict=DRIFT if alarms else NO_DRIFT,
        why=f"{moved}{compared}{small}",
        value=outcome.seen,
        expected=outcome.expected,
        limit=limit,
        p=p,
        before=measured.before,
        now=measured.now,
    )


def _told(value: float | None, how: str) -> str:
    if value is None:
        return "?"
    return f"{100 * value:.1f} %" if how == "share" else f"{value:.3g}"


def _family_rows(observed: Observed, profile: Profile, ps: Mapping[str, float], level: float) -> tuple[Family, ...]:
    past, held = profile.facts["components"], max(len(profile.held_out), 1)
    rows = []
    for name, tally in sorted(observed.families.items(), key=lambda pair: (-pair[1].records, pair[0])):
        if not name:
            continue
        before = past.get(name, {"texts": 0, "label_share": None})
        p = ps.get(name)
        rows.append(
            Family(
                name=name,
                texts=tally.records,
                share=tally.records / observed.records,
                share_before=before["texts"] / held,
                positive=tally.positive / tally.records,
                positive_before=before["label_share"],
                unknown=tally.unknown / tally.counted if tally.counted else None,
                p=p,
                drifted=p is not None and p <= level,
            )
        )
    return tuple(rows)


def _new_words(observed: Observed) -> tuple[NewWord, ...]:
    texts = max(observed.records - observed.hidden, 1)
    fewest = max(FEWEST_WITH_WORD, LEAST_SHARE_WITH_WORD * texts)
    found = sorted(((n, word) for word, n in observed.new_words.items() if n >= fewest), key=lambda x: (-x[0], x[1]))
    return tuple(NewWord(word, n, n / texts) for n, word in found[:MOST_NEW_WORDS])


def _cause(drifted: Sequence[Signal], families: Sequence[Family], fresh: Sequence[NewWord]) -> Cause:
    names = {signal.name for signal in drifted}
    moved = [family.name for family in families if family.drifted]
    if "components" in names:
        moved += [family.name for family in families if not family.share_before and family.texts >= FEWEST_WITH_WORD]
    words = [word.word for word in fresh] if names & {"unknown_words", "words", "subwords"} else []
    return Cause(tuple(signal.name for signal in drifted), tuple(dict.fromkeys(moved)), tuple(words))


def _doubts(signals: Sequence[Signal], sample: Sample, rules: Rules, lost: int, records: int) -> list[str]:
    """Why the window cannot be cleared."""
    if not records:
        return ["the store holds no prediction of this version in this window"]
    if len(sample) < rules.minimum_texts:
        return [f"{len(sample)} distinct texts, {rules.minimum_texts} are needed"]
    needed = {kind.name for kind in SIGNALS if not kind.optional}
    reasons = []
    if len(sample) < rules.enough_texts:
        reasons.append(f"{len(sample)} distinct texts could show a drift but not that there is none; "
                       f"{rules.enough_texts} are needed")  # fmt: skip
    untold = [signal for signal in signals if signal.verdict == CANNOT_TELL and signal.name in needed]
    reasons += dict.fromkeys(signal.why for signal in untold)
    if lost > MOST_LOST * (lost + records):
        reasons.append(f"{lost} records are unreadable beside {records} that are not")
    return reasons


def _sentence(
    verdict: Verdict,
    drifted: Sequence[Signal],
    reasons: Sequence[str],
    cause: Cause,
    sample: Sample,
    signals: Sequence[Signal],
) -> str:
    if verdict == CANNOT_TELL:
        return f"Cannot tell: {'; '.join(reasons)}."
    if verdict == NO_DRIFT:
        told = sum(signal.verdict != CANNOT_TELL for signal in signals)
        return f"No drift: {told} signals on {len(sample):,} distinct texts, each within its limit."
    first = ", ".join(signal.title.lower() for signal in drifted[:4])
    more = f" and {len(drifted) - 4} more" if len(drifted) > 4 else ""
    where = f"; families: {', '.join(cause.families[:4])}" if cause.families else ""
    words = f"; new words: {', '.join(cause.words[:5])}" if cause.words else ""
    return f"Drift: {first}{more}{where}{words}."


def since(finding: Finding, begin: datetime) -> Finding:
    """The same finding, its cause standing since `begin`."""
    return replace(finding, cause=replace(finding.cause, since=begin))
