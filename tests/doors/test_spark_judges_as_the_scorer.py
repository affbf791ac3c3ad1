"""Spark on real executors: the scorer's answers, a fault a bad row, one session a process, nothing of ours needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from homologate.collection import FolderStore, Reading, ship
from homologate.errors import ModelError
from homologate.scorer import Scorer
from serve.spark import Keep, _executor, scorer_udf

RESULT = "label string, probability double, threshold double, truncated boolean"


def test_verdicts_and_probabilities_are_the_scorers(spark: Any, directory: Path, texts: list[str]) -> None:
    judge = scorer_udf(spark, directory, precision="int8")
    rows = spark.createDataFrame(list(enumerate(texts)), "n long, text string").repartition(4)
    found = sorted(rows.select("n", judge("text").alias("verdict")).select("n", "verdict.*").collect())
    scorer = Scorer(directory, "int8")
    assert [row.n for row in found] == list(range(len(texts)))
    for row, text in zip(found, texts, strict=True):
        answer = scorer.answer(text)
        assert (row.label, row.probability, row.threshold) == (answer.label, answer.probability, answer.threshold)
        assert row.truncated == answer.truncated
        assert row.fault is None


def test_a_text_that_cannot_be_judged_is_a_fault_of_its_row(spark: Any, directory: Path) -> None:
    judge = scorer_udf(spark, directory, explain=True)
    texts = ["The lamp cracked.", None, "", " \t", "\u200b", "The hose held."]
    rows = spark.createDataFrame([(n, text) for n, text in enumerate(texts)], "n int, text string").coalesce(1)
    found = rows.select("n", judge("text").alias("v")).select("n", "v.*").orderBy("n").collect()
    assert [row.fault is None for row in found] == [True, False, False, False, False, True]
    assert "empty" in found[2].fault
    assert "nothing the tokeniser reads" in found[4].fault
    assert found[1].label is None
    expected = Scorer(directory).answer(texts[0] or "", explain=True)
    assert [(w.text, w.start, w.end, w.contribution) for w in found[0].words] == [
        (w.text, w.start, w.end, pytest.approx(w.contribution, abs=1e-6)) for w in expected.words
    ]


def test_each_executor_process_opens_one_session_and_nothing_of_ours(spark: Any, directory: Path) -> None:
    import pandas
    from pyspark.sql.pandas.functions import pandas_udf

    def look(texts: Any) -> Any:
        """Which process this is, what it has open and what of this project it imported."""
        import gc
        import os
        import sys

        import onnxruntime
        import pandas as pd

        ours = sorted({"homologate", "torch"} & {name.split(".")[0] for name in sys.modules})
        sessions = sum(isinstance(thing, onnxruntime.InferenceSession) for thing in gc.get_objects())
        return pd.Series([f"{os.getpid()} {sessions} {ours}"] * len(texts))

    look.__annotations__ = {"texts": pandas.Series, "return": pandas.Series}
    judge, looked = scorer_udf(spark, directory), pandas_udf(look, "string")
    rows = spark.createDataFrame([(f"The belt from lot {n} held.",) for n in range(400)], "text string").repartition(8)
    for _ in range(2):
        assert rows.select(judge("text").label.alias("label")).dropna().count() == 400
    found = {
        row.seen.split(" ", 2)[0]: row.seen.split(" ", 2)[1:]
        for row in rows.select(looked("text").alias("seen")).collect()
    }
    assert len(found) >= 2
    # One a process and precision: the tests above asked for fp32 and int8.
    assert all(0 < int(sessions) <= 2 and ours == "[]" for sessions, ours in found.values()), found


def test_what_executors_answered_is_kept_once_however_often_a_task_runs(
    spark: Any, directory: Path, tmp_path: Path
) -> None:
    from homologate.attest import digest_of

    spool, store = tmp_path / "spool", FolderStore(tmp_path / "store")
    judge = scorer_udf(spark, directory, keep=Keep(str(spool), "brakes", "7", "full"), explain=True)
    texts = [
        *(f"The hose from lot {n} cracked at {60 + n} units." for n in range(60)),
        "",
        *["The same lamp held."] * 9,
    ]
    named = [(n, text, ("hose", "lamp", None)[n % 3]) for n, text in enumerate(texts)]
    rows = spark.createDataFrame(named, "n int, text string, family string").repartition(4, "n")
    judged = rows.select("n", "text", "family", judge("text", "family").alias("v")).select("n", "text", "family", "v.*")
    found = judged.collect()
    ship(spool, store)
    assert {row.prediction_id for row in judged.collect()} == {row.prediction_id for row in found}
    assert ship(spool, store)["records"] == 0, "made again, it is known to the store"
    reading = Reading(store, "brakes")
    kept = {one.id: one for one in reading}
    assert not reading.faults
    assert set(kept) == {row.prediction_id for row in found if row.prediction_id}
    assert len(kept) == len(texts) - 1, "the empty text has no verdict"
    for row in found:
        if row.fault is None:
            one = kept[row.prediction_id]
            assert (one.text, one.label, one.probability, one.door) == (row.text, row.label, row.probability, "spark")
            assert (one.version, one.digest, one.component) == ("7", digest_of(directory), row.family or "")
            assert one.bias is not None


def test_executors_killed_while_keeping_lose_and_double_nothing(
    spark: Any, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One task dies half-way through a segment, the other takes its whole executor along once a segment is written."""
    spool, store = tmp_path / "spool", FolderStore(tmp_path / "store")
    real = _executor.judging
    monkeypatch.setattr(_executor, "judging", lambda *given: dying(real(*given), str(tmp_path)))
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "25")
    try:
        judge = scorer_udf(spark, directory, keep=Keep(str(spool), "brakes", "7", "full"), explain=True)
        texts = [f"The hose from lot {n} cracked at {60 + n} units." for n in range(200)]
        rows = spark.createDataFrame(list(enumerate(texts)), "n int, text string").coalesce(2)
        found = rows.select("text", judge("text").alias("v")).select("text", "v.*").collect()
    finally:
        spark.conf.unset("spark.sql.execution.arrow.maxRecordsPerBatch")
    assert sorted(path.name for path in tmp_path.glob("died-*")) == ["died-0", "died-1"]
    assert len(list(spool.glob("*.new"))) == 1, "the half of a segment, which nobody ships"
    told = {row.prediction_id: row.text for row in found}
    assert sorted(told.values()) == sorted(texts)
    assert ship(spool, store) == {"segments": 8, "records": 400, "known": 0, "forgotten": 0, "broken": 0}
    reading = Reading(store, "brakes")
    assert {one.id: one.text for one in reading} == told
    assert not reading.faults, "none stands in the store twice"


def dying(judge: Any, marks: str) -> Any:
    """A UDF's function whose tasks die, the first time, on their second segment."""

    def run(batches: Any) -> Any:
        import importlib
        import os
        import signal
        from pathlib import Path

        from pyspark import TaskContext

        task: Any = TaskContext.get()
        verdicts = judge(batches)
        yield next(verdicts)
        if task.attemptNumber() == 0:
            collector = importlib.import_module("homologate_scorer.collector")
            write, me = collector.write_segment, os.getpid()

            def mark() -> None:
                Path(marks, f"died-{task.partitionId()}").touch()

            def half(lines: Any) -> Any:
                for number, line in enumerate(lines):
                    if number == len(lines) // 2:
                        mark()
                        os.kill(me, signal.SIGKILL)
                    yield line

            def within(folder: str, name: str, lines: Any) -> None:
                write(folder, name, half(lines))

            def after(folder: str, name: str, lines: Any) -> None:
                write(folder, name, lines)
                mark()
                daemon = os.getppid()
                executor = int(Path(f"/proc/{daemon}/stat").read_text().rpartition(")")[2].split()[1])
                os.kill(executor, signal.SIGKILL)
                os.kill(me, signal.SIGKILL)

            collector.write_segment = after if task.partitionId() else within
        yield from verdicts

    run.__annotations__ = judge.__annotations__
    return run


def test_mlflows_own_udf_answers_the_same(spark: Any, directory: Path) -> None:
    import mlflow.pyfunc

    named = {"result_type": RESULT, "env_manager": "local", "params": {"component": "hose"}}
    judge = mlflow.pyfunc.spark_udf(spark, str(directory), **named)
    texts = [f"The hose from lot {n} cracked below the limit at {60 + n} units." for n in range(40)]
    rows = spark.createDataFrame([(text,) for text in texts], "text string")
    found = [row.v for row in rows.select(judge("text").alias("v")).collect()]
    scorer = Scorer(directory)
    for row, text in zip(found, texts, strict=True):
        answer = scorer.answer(text)
        assert row.label == answer.label
        assert row.probability == pytest.approx(answer.probability, abs=1e-6)


def test_a_broken_directory_is_named_before_an_executor_starts(spark: Any, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a model directory"):
        scorer_udf(spark, tmp_path)
