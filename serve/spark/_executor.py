"""What runs on executors, where this project is not installed: it goes there by value and imports nothing of ours.

A batch of texts that is judged is one segment of the spool, in the file before its verdicts leave. A prediction id
follows from the job, the partition, the text with its family and how often both came before in the partition, never
from the order, which a shuffle does not keep; the time is the job's. So a task made twice (a retry, a speculative copy,
a second action on the same plan) gives the same ids, and where its batches are the same the same segment, which the
store has once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Job", "Keep", "judging"]


@dataclass(frozen=True)
class Keep:
    """Where executors keep predictions.

    Attributes:
        spool: a folder every executor can write: shared, or one of its own that `homologate ship` empties there.
        model: the name in the records.
        version: the version in the records.
        privacy: `full`, `redacted` or `hash`.
    """

    spool: str
    model: str
    version: str
    privacy: str = "redacted"


@dataclass(frozen=True)
class Job:
    """What is the same in every task: the job's id, its time (seconds since the epoch), the digest, where to keep."""

    id: str
    time: float
    digest: str
    keep: Keep


def judging(
    archive: str, precision: str, explain: bool, job: Job | None = None
) -> Callable[[Iterator[pd.Series[str] | tuple[pd.Series[str], ...]]], Iterator[pd.DataFrame]]:
    """The function of a pandas UDF over the model in a shipped archive; of a text, or of a text and its family."""

    def judge(batches: Iterator[pd.Series | tuple[pd.Series, ...]]) -> Iterator[pd.DataFrame]:
        import pandas as pd

        scorer, fault = _opened(archive, precision)
        names = ["label", "probability", "threshold", "truncated", "fault", *(["words"] if explain else [])]
        seen: dict[str, int] = {}
        for batch in batches:  # a tuple where the UDF was given two columns, the series itself where it was one
            texts, *families = batch if isinstance(batch, tuple) else (batch,)
            answers = [_answer(scorer, fault, text, explain) for text in texts]
            told = pd.DataFrame([_verdict(answer, explain) for answer in answers], columns=names)
            if job is not None:
                named = [str(name) for name in families[0].fillna("")] if families else [""] * len(texts)
                told["prediction_id"] = _kept(job, scorer.labels, list(texts), named, answers, seen)
            yield told

    # Spark reads the kind of UDF from real types, and this file's annotations are strings.
    import pandas

    judge.__annotations__ = {
        "batches": Iterator[tuple[pandas.Series, ...]],
        "return": Iterator[pandas.DataFrame],
    }
    return judge


def _opened(archive: str, precision: str) -> Any:
    """The scorer of this process and its fault class; opened by the first task and kept for the others."""
    import os
    import sys

    import pyspark

    kept: dict[tuple[str, str], Any] = pyspark.__dict__.setdefault("_homologate_scorers", {})
    if (archive, precision) not in kept:
        directory = pyspark.SparkFiles.get(archive)
        code = os.path.join(directory, "code")
        sys.path.insert(0, code)
        try:
            from homologate_scorer import InputFault, Scorer
        finally:
            sys.path.remove(code)
        kept[archive, precision] = Scorer(directory, precision, threads=1), InputFault
    return kept[archive, precision]


def _answer(scorer: Any, fault: Any, text: Any, explain: bool) -> Any:
    """The answer, or the problem as a text."""
    try:
        return scorer.answer(text, explain)
    except fault as problem:
        return problem.problem


def _verdict(answer: Any, explain: bool) -> tuple[Any, ...]:
    more: tuple[Any, ...] = (None,) if explain else ()
    if isinstance(answer, str):
        return (None, None, None, None, answer, *more)
    if explain:
        more = ([(word.text, word.start, word.end, word.contribution) for word in answer.words],)
    return (answer.label, answer.probability, answer.threshold, answer.truncated, None, *more)


def _kept(
    job: Job, labels: tuple[str, str], texts: list[Any], families: list[str], answers: list[Any], seen: dict[str, int]
) -> list[str | None]:
    """Keep a batch; its prediction ids, None where there is no answer. `seen` counts rows of the partition by hash."""
    from pyspark import TaskContext

    collector = _collector()
    task: Any = TaskContext.get()
    judge = collector.Judge(job.keep.model, job.keep.version, job.digest, labels, "spark")
    privacy = collector.Privacy(job.keep.privacy)
    lines: dict[str, bytes] = {}
    ids: list[str | None] = []
    for text, family, answer in zip(texts, families, answers, strict=True):
        if isinstance(answer, str):
            ids.append(None)
            continue
        read = _short(text, family)
        seen[read] = seen.get(read, 0) + 1
        identity = f"{job.id}.{_short(f'{task.partitionId()} {seen[read]} {read}')}"
        ids.append(identity)
        record = collector.Record.of(identity, judge, job.time, text, answer, component=family)
        lines[identity] = collector.spool_line(collector.pairs(record, privacy))
    if lines:
        ordered = sorted(lines)
        collector.write_segment(job.keep.spool, f"{job.id}-{_short(*ordered)}", [lines[name] for name in ordered])
    return ids


def _short(*parts: str) -> str:
    import hashlib

    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:24]


def _collector() -> Any:
    """The collector that came with the scorer, which this process has opened."""
    import importlib

    return importlib.import_module("homologate_scorer.collector")
