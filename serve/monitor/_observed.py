"""A window of predictions, read once in whatever order, kept as counts and a sample.

Memory holds counts and at most `SAMPLED` texts, however many records there are. The sample holds the distinct texts
whose hash is smallest: each distinct text has the same chance, the order of records does not matter, and reading the
same records again gives the same sample.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from homologate.collection import Prediction
from homologate.reference import Sample, Vocabulary, sample_of, words
from homologate.scorer import Scorer

__all__ = ["SAMPLED", "Kept", "Observed", "observe"]

SAMPLED = 2000
"""The most distinct texts that are tested; as many as a reference profile holds."""
MOST_NEW_WORDS = 20_000
"""New words counted at once; where there are more, those seen once are let go."""


@dataclass(slots=True)
class Kept:
    """One distinct text of the sample.

    Attributes:
        prediction: the first record of it, by time.
        times: how many records had it.
    """

    prediction: Prediction
    times: int = 1


@dataclass
class Tally:
    """What is counted for a family."""

    records: int = 0
    positive: int = 0
    counted: int = 0
    unknown: int = 0


@dataclass
class Observed:
    """What a window held.

    Attributes:
        records: predictions of the version, shadow answers aside.
        foreign: predictions that name other bytes under this version's number; not profiled.
        hidden: records of which only the text's hash was kept.
        labels: records by label answered.
        hours: records by hour, `2026-03-01T09`.
        families: counts by component family, `""` where nobody said.
        new_words: texts that hold each word the vocabulary does not.
        kept: the sample by hash.
        fingerprint: of all records together, whatever their order.
    """

    records: int = 0
    foreign: int = 0
    hidden: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    hours: Counter[str] = field(default_factory=Counter)
    families: dict[str, Tally] = field(default_factory=dict)
    new_words: Counter[str] = field(default_factory=Counter)
    kept: dict[int, Kept] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def most_repeated(self) -> tuple[int, Prediction] | None:
        """The text of the sample that most records had, and how many."""
        top = max(self.kept.values(), key=lambda kept: kept.times, default=None)
        return (top.times, top.prediction) if top else None

    def chosen(self) -> list[Prediction]:
        """The sample, those with a text first, else in the order of their hashes."""
        found = [kept.prediction for _, kept in sorted(self.kept.items())]
        return sorted(found, key=lambda prediction: prediction.text is None)

    def sample(
        self, vocabulary: Vocabulary, scorer: Scorer, labels: tuple[str, str], truths: Mapping[str, str]
    ) -> Sample:
        """The numbers of the sample.

        Args:
            vocabulary: of the reference profile.
            scorer: the version's bytes.
            labels: `(negative, positive)`.
            truths: the true label by prediction id, where a person has said.
        """
        chosen = self.chosen()
        said = [truths.get(prediction.id) for prediction in chosen]
        return sample_of(
            [prediction.text for prediction in chosen if prediction.text is not None],
            ids=[prediction.id for prediction in chosen],
            probabilities=[prediction.probability for prediction in chosen],
            truths=[labels.index(label) if label in labels else -1 for label in said],
            components=[prediction.component for prediction in chosen],
            vocabulary=vocabulary,
            scorer=scorer,
        )


def observe(
    predictions: Iterable[Prediction], vocabulary: Vocabulary, *, positive: str, digest: str = "", size: int = SAMPLED
) -> Observed:
    """Read a window.

    Args:
        predictions: each once (`homologate.collection.Reading`), in any order.
        vocabulary: what counts as known.
        positive: the positive label.
        digest: of the version's bytes; records that name another are set aside. Empty takes all.
        size: of the sample.
    """
    seen = Observed()
    known, families = vocabulary.known, seen.families
    farthest: list[int] = []  # a heap of negated hashes: the largest hash of the sample is on top
    mixed = 0
    for prediction in predictions:
        if prediction.role == "shadow":
            continue
        if digest and prediction.digest and prediction.digest != digest:
            seen.foreign += 1
            continue
        seen.records += 1
        seen.labels[prediction.label] += 1
        seen.hours[prediction.time.isoformat()[:13]] += 1
        mixed ^= _hash(f"{prediction.id}\0{prediction.label}\0{prediction.probability!r}")
        tally = families.get(prediction.component)
        if tally is None:
            tally = families[prediction.component] = Tally()
        tally.records += 1
        tally.positive += prediction.label == positive
        text = prediction.text
        if text is None:
            seen.hidden += 1
        else:
            found = words(text)
            tally.counted += len(found)
            if not known.issuperset(found):
                unknown = [word for word in found if word not in known]
                tally.unknown += len(unknown)
                seen.new_words.update(set(unknown))
                if len(seen.new_words) > MOST_NEW_WORDS:
                    seen.new_words = Counter({w: n for w, n in seen.new_words.items() if n > 1})
        key = _key(prediction)
        if key in seen.kept:
            kept = seen.kept[key]
            kept.times += 1
            if _before(prediction, kept.prediction):
                kept.prediction = prediction
        elif len(farthest) < size:
            heapq.heappush(farthest, -key)
            seen.kept[key] = Kept(prediction)
        elif key < -farthest[0]:
            del seen.kept[-heapq.heappushpop(farthest, -key)]
            seen.kept[key] = Kept(prediction)
    seen.fingerprint = f"{seen.records}-{mixed:016x}"
    return seen


def _before(one: Prediction, other: Prediction) -> bool:
    moment: tuple[datetime, str] = (one.time, one.id)
    return moment < (other.time, other.id)


def _key(prediction: Prediction) -> int:
    if prediction.text_sha256:
        return int(prediction.text_sha256.rpartition(":")[2][:16], 16)
    return int.from_bytes(hashlib.sha256((prediction.text or prediction.id).encode()).digest()[:8], "big")


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
