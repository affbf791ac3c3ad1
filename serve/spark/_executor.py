"""What runs on executors, where this project is not installed: it goes there by value and imports nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["judging"]


def judging(
    archive: str, precision: str, explain: bool
) -> Callable[[Iterator[pd.Series[str]]], Iterator[pd.DataFrame]]:
    """The function of a pandas UDF over the model in a shipped archive."""

    def judge(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        import pandas as pd

        scorer, fault = _opened(archive, precision)
        names = ["label", "probability", "threshold", "truncated", "fault", *(["words"] if explain else [])]
        for texts in batches:
            yield pd.DataFrame([_verdict(scorer, fault, text, explain) for text in texts], columns=names)

    # Spark reads the kind of UDF from real types, and this file's annotations are strings.
    import pandas

    judge.__annotations__ = {
        "batches": Iterator[pandas.Series],
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


def _verdict(scorer: Any, fault: Any, text: Any, explain: bool) -> tuple[Any, ...]:
    more: tuple[Any, ...] = (None,) if explain else ()
    try:
        answer = scorer.answer(text, explain)
    except fault as problem:
        return (None, None, None, None, problem.problem, *more)
    if explain:
        more = ([(word.text, word.start, word.end, word.contribution) for word in answer.words],)
    return (answer.label, answer.probability, answer.threshold, answer.truncated, None, *more)
