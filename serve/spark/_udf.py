"""The UDF, made on the driver."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.attest import digest_of
from homologate.scoring import open_scorer
from serve.spark import _executor

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession

__all__ = ["VERDICT", "scorer_udf"]

VERDICT = "label string, probability double, threshold double, truncated boolean, fault string"
"""What a text is answered with. Where it cannot be judged, `fault` says why and the others are null."""
WORDS = ", words array<struct<text: string, start: int, end: int, contribution: double>>"
KEPT = ", prediction_id string"


def scorer_udf(
    spark: SparkSession,
    directory: str | Path,
    *,
    precision: str | None = None,
    explain: bool = False,
    keep: _executor.Keep | None = None,
) -> Callable[..., Column]:
    """A pandas UDF that judges a column of texts with the model in `directory`.

    Each row is answered as the scorer answers it alone; a null, empty or unreadable text is a fault of its row, not of
    the job.

    Args:
        spark: the session; its context ships the directory to every executor once.
        directory: a model directory (`homologate.versions.locate` finds a registered one).
        precision: `fp32` or `int8`; None means the model's own.
        explain: whether to add the words that decided.
        keep: where executors keep the predictions; None keeps none.

    Returns:
        A function of the column of texts and, where there is one, of that of component families (kept, never judged),
        answering a struct of `VERDICT` (and `words`, and `prediction_id` where kept).

    Raises:
        ModelError: the directory is broken: found here, before any executor starts.
    """
    from pyspark.cloudpickle import register_pickle_by_value
    from pyspark.sql.pandas.functions import pandas_udf

    chosen = open_scorer(directory, precision).precision
    name = _ship(spark, Path(directory))
    # Executors do not have this project: the function goes to them by value.
    register_pickle_by_value(_executor)  # type: ignore[no-untyped-call]
    job = _executor.Job(secrets.token_hex(16), time.time(), digest_of(Path(directory)), keep) if keep else None
    judge = _executor.judging(name, chosen, explain, job)
    make: Any = pandas_udf  # its overloads know neither structs nor functions made at run time
    made: Callable[..., Column] = make(judge, VERDICT + (WORDS if explain else "") + (KEPT if keep else ""))
    return made


def _ship(spark: SparkSession, directory: Path) -> str:
    """Give the directory to every executor, as an archive named after its digest; the name it is unpacked under."""
    name = f"model-{digest_of(directory).removeprefix('sha256:')[:16]}"
    context = spark.sparkContext
    if not any(shipped.endswith(f"{name}.zip") for shipped in context.listArchives):
        # The context reads the archive when executors ask for it, so it must outlive this call.
        scratch = tempfile.mkdtemp(prefix="homologate-spark-")
        archive = shutil.make_archive(f"{scratch}/{name}", "zip", directory)
        context.addArchive(archive)
    return f"{name}.zip"
