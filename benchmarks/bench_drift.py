"""Drift: the cost of profiling a window, alarms where nothing drifted, and the delay where something did.

    python benchmarks/bench_drift.py                                   everything
    HOMOLOGATE_RECALLS=recalls.csv.gz python benchmarks/bench_drift.py   and the real drift of recall notices

Reference and window are drawn from one pool of generated texts, ten references with twenty windows each, so that no
lucky reference decides. A delay is the number of drifted texts seen until the first alarm, in windows of 250 texts.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from real_model import Forgetful

from homologate.collection import FolderStore, Prediction, Reading
from homologate.dataset import generate
from homologate.reference import Bags, Profile, Sample, Vocabulary, load_profile, profile_of, sample_of
from homologate.scorer import Scorer
from homologate.scorer.collector import Judge, Privacy, Record, pairs
from homologate.settings import CostSettings, LabelSettings, SplitSettings, SyntheticSettings, TrainingSettings
from serve.monitor import Finding, Subject, judge, observe

KEPT = Path(__file__).resolve().parents[1] / ".homologate" / "bench" / "drift"
RECORDS = int(os.environ.get("HOMOLOGATE_BENCH_RECORDS", "1000000"))
REFERENCES, WINDOWS, TEXTS = 10, 20, 250
POOL, HELD_OUT = 2400, 600
SHARES = (1.0, 0.3)
MOST_WINDOWS = 4
DAY = datetime(2026, 3, 1, tzinfo=UTC)
RECALLS = "HOMOLOGATE_RECALLS"


def model() -> Path:
    """MiniLM with a head probed on generated rows, and the profile of their held-out part; made once."""
    if (KEPT / "model" / "reference.json").exists():
        return KEPT / "model"
    from homologate.classifier import export, train
    from homologate.dataset import split_rows

    print("making the model, once", file=sys.stderr)
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir(parents=True)
    frame = split_rows(generate(SyntheticSettings(rows=2400), LabelSettings(), 20), SplitSettings())
    settings = TrainingSettings(epochs=0, max_train_rows=400)
    facts = train(frame, settings, LabelSettings(), CostSettings(), KEPT / "work", Forgetful())
    onnx = export(facts.directory, KEPT / "onnx")
    for name, content in profile_of(frame, Scorer(onnx, "int8")).files().items():
        (onnx / name).write_bytes(content)
    return onnx.rename(KEPT / "model")


def measured(frame: Any, vocabulary: Vocabulary, scorer: Scorer) -> tuple[Sample, list[Prediction]]:
    """Every row as a sample, all embedded, and as the prediction a server would have kept."""
    texts, ids = frame["text"].tolist(), frame["id"].tolist()
    found = scorer.probabilities(texts).tolist()
    sample = sample_of(
        texts, ids=ids, probabilities=found, truths=[-1] * len(texts), components=frame["component"].tolist(),
        vocabulary=vocabulary, scorer=scorer, embedded=len(texts),
    )  # fmt: skip
    blank = Prediction(
        "", DAY, "m", "1", "", None, "", "full", "", 0.0, scorer.labels, scorer.threshold, False, None, None,
        "server", "champion", "", (), 0.0, None, None,
    )  # fmt: skip
    rows = zip(ids, texts, found, sample.component, strict=True)
    return sample, [
        replace(blank, id=i, text=text, probability=p, label=scorer.label_of(p), component=component)
        for i, text, p, component in rows
    ]


def taken(sample: Sample, rows: np.ndarray) -> Sample:
    """Some rows of a sample; the first 500 of them embedded, as a window has them."""

    def bags(of: Bags) -> Bags:
        return Bags.of(of.items[of.starts[row] : of.starts[row + 1]].tolist() for row in rows)

    return Sample(
        tuple(sample.ids[row] for row in rows), sample.probability[rows], sample.truth[rows],
        tuple(sample.component[row] for row in rows), sample.length[rows], sample.counted[rows], sample.unknown[rows],
        bags(sample.words), bags(sample.tokens), sample.embedding[rows[:500]],
    )  # fmt: skip


def verdict(profile: Profile, sample: Sample, predictions: list[Prediction], rows: np.ndarray) -> Finding:
    """Judge some rows as a window."""
    observed = observe([predictions[row] for row in rows], profile.vocabulary, positive=predictions[0].labels[1])
    return judge(Subject("m", "1", "", DAY, DAY + timedelta(days=1)), observed, profile, taken(sample, rows))


def with_past(profile: Profile, past: Sample) -> Profile:
    """The same version with another past."""
    names = np.array(past.component, dtype=object)
    components = {name: {"texts": int((names == name).sum()), "label_share": None} for name in set(names)}
    return replace(profile, facts={**profile.facts, "components": components}, held_out=past)


def false_alarms(profile: Profile, sample: Sample, predictions: list[Prediction]) -> str:
    """Alarms on windows of the reference's own population."""
    chance = np.random.default_rng(1)
    alarms: list[tuple[str, ...]] = []
    for reference in range(REFERENCES):
        order = chance.permutation(len(predictions))
        past, rest = order[:HELD_OUT], order[HELD_OUT:]
        standing = with_past(profile, taken(sample, past))
        for _ in range(WINDOWS):
            found = verdict(standing, sample, predictions, chance.choice(rest, TEXTS, replace=False))
            alarms += [found.cause.signals] if found.verdict == "drift" else []
        print(f"reference {reference + 1} of {REFERENCES}: {len(alarms)} alarms so far", file=sys.stderr, flush=True)
    print(f"alarms: {alarms}", file=sys.stderr)
    most = 6  # P(more of 200 | 1 in 100) is below 0.005
    told = "ok" if len(alarms) <= most else "FAIL"
    return f"false alarms on {REFERENCES * WINDOWS} undrifted windows of {TEXTS} texts (promised: 1 in 100) | " \
           f"{len(alarms)} | at most {most} | {told}"  # fmt: skip


def delays(profile: Profile, scorer: Scorer, calm: Sample, calm_predictions: list[Prediction]) -> Iterator[str]:
    """For each drift of the generator: drifted texts seen until the first alarm."""
    chance = np.random.default_rng(2)
    count = TEXTS * MOST_WINDOWS
    for drift in ("new_family", "new_vocabulary", "tightened_limit"):
        settings = SyntheticSettings(rows=count, drift=drift, drift_share=1.0)
        sample, predictions = measured(generate(settings, LabelSettings(), 31), profile.vocabulary, scorer)
        for share in SHARES:
            drifted = round(TEXTS * share)
            both = joined(sample, calm)
            told, seen = "not within 4 windows", 0
            for number in range(MOST_WINDOWS):
                new = np.arange(number * drifted, (number + 1) * drifted)
                old = chance.choice(len(calm), TEXTS - drifted, replace=False) + len(sample)
                seen += drifted
                found = verdict(profile, both, predictions + calm_predictions, chance.permutation([*new, *old]))
                print(f"{drift} {share:.0%}, window {number + 1}: {found.sentence}", file=sys.stderr, flush=True)
                if found.verdict == "drift":
                    told = f"{seen} texts, window {number + 1}"
                    break
            late = "not" in told
            limit = "window 1" if share == 1.0 else f"window {MOST_WINDOWS}"
            failed = late or (share == 1.0 and seen > TEXTS)
            mark = "FAIL" if failed else "ok"
            yield f"drift `{drift}` in {share:.0%} of the texts seen after | {told} | {limit} | {mark}"


def joined(one: Sample, other: Sample) -> Sample:
    """Two samples in a row."""

    def bags(left: Bags, right: Bags) -> Bags:
        return Bags(
            np.concatenate([left.items, right.items]), np.append(left.starts, left.starts[-1] + right.starts[1:])
        )

    arrays = ("probability", "truth", "length", "counted", "unknown", "embedding")
    parts: dict[str, Any] = {name: np.concatenate([getattr(one, name), getattr(other, name)]) for name in arrays}
    return Sample(
        ids=one.ids + other.ids, component=one.component + other.component, words=bags(one.words, other.words),
        tokens=bags(one.tokens, other.tokens), **parts,
    )  # fmt: skip


def cost(profile: Profile, scorer: Scorer) -> str:
    """A day of records: reading alone, and reading, counting, sampling, embedding and judging."""
    with tempfile.TemporaryDirectory() as folder:
        store = FolderStore(folder)
        write(store, scorer)
        begun = time.perf_counter()
        count = sum(1 for _ in Reading(store, "m", "1"))
        reading = time.perf_counter() - begun
        begun = time.perf_counter()
        observed = observe(Reading(store, "m", "1"), profile.vocabulary, positive=scorer.labels[1])
        sample = observed.sample(profile.vocabulary, scorer, scorer.labels, {})
        judge(Subject("m", "1", "", DAY, DAY + timedelta(days=1)), observed, profile, sample)
        profiled = time.perf_counter() - begun
    ratio = profiled / reading
    print(f"{count} records: read in {reading:.1f} s, judged in {profiled:.1f} s", file=sys.stderr, flush=True)
    told = "ok" if ratio <= 3 else "FAIL"
    return f"{count:,} records profiled for drift against reading them | {ratio:.2f} × | at most 3 × | {told}"


def write(store: FolderStore, scorer: Scorer) -> None:
    """`RECORDS` predictions over 24 hours, their texts from the generator, each text made once more by its number."""
    texts = generate(SyntheticSettings(rows=2000), LabelSettings(), 41)["text"].tolist()
    identity = Judge("m", "1", "", scorer.labels, "server")
    for hour in range(24):
        begin = (DAY + timedelta(hours=hour)).timestamp()
        files: dict[str, list[str]] = {}
        for row in range(RECORDS // 24 + (hour < RECORDS % 24)):
            number = hour * (RECORDS // 24 + 1) + row
            text = f"{texts[number % len(texts)]} Sheet {number}."
            record = Record(f"r{number}", identity, begin + row * 0.08, text, scorer.labels[0], 0.2, 0.5, False)
            for folder, line in pairs(record, Privacy("full")):
                files.setdefault(folder, []).append(line)
        for folder, lines in files.items():
            store.put(f"{folder}/a.jsonl", ("\n".join(lines) + "\n").encode())


def real_drift(profile: Profile, scorer: Scorer, file: str) -> Iterator[str]:
    """Recall notices: 2014 and 2015 against themselves, and against 2017 to 2025 (another extract, another time)."""
    import pandas as pd

    frame = pd.read_csv(file).fillna("").drop_duplicates("text")
    early = frame[frame["date"] < "2016"].sample(frac=1, random_state=3)
    train, held, control = early.iloc[:600], early.iloc[600:900], early.iloc[900:]
    vocabulary = Vocabulary.of(train["text"])
    past, _ = measured(held, vocabulary, scorer)
    standing = replace(with_past(profile, past), vocabulary=vocabulary)
    for name, rows, wanted in (
        ("2014–15, held back", control, {"no drift"}),
        ("2017–25", frame[frame["date"] >= "2017"], {"drift"}),
    ):
        sample, predictions = measured(rows, vocabulary, scorer)
        found = verdict(standing, sample, predictions, np.arange(len(predictions)))
        print(f"{name}: {found.sentence} {[(s.name, s.why, s.p) for s in found.signals]}", file=sys.stderr, flush=True)
        told = "ok" if found.verdict in wanted else "FAIL"
        yield f"recall notices of 2014–15 against {name} ({len(predictions)} texts) | {found.verdict}: " \
              f"{', '.join(found.cause.signals) or 'no signal'} | {wanted.pop()} | {told}"  # fmt: skip


def main(wanted: list[str]) -> int:
    """Run all, or the named parts: alarms, delays, recalls, cost."""
    directory = model()
    scorer, profile = Scorer(directory, "int8", threads=2), load_profile(directory)
    lines: list[str] = []

    def told(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    if not wanted or {"alarms", "delays"} & set(wanted):
        frame = generate(SyntheticSettings(rows=POOL), LabelSettings(), 30)
        calm, calm_predictions = measured(frame, profile.vocabulary, scorer)
    if not wanted or "delays" in wanted:
        for line in delays(profile, scorer, calm, calm_predictions):
            told(line)
    if os.environ.get(RECALLS) and (not wanted or "recalls" in wanted):
        for line in real_drift(profile, scorer, os.environ[RECALLS]):
            told(line)
    if not wanted or "alarms" in wanted:
        told(false_alarms(profile, calm, calm_predictions))
    if not wanted or "cost" in wanted:
        told(cost(profile, scorer))
    return int(any(line.endswith("FAIL") for line in lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
