"""Model directory → evaluation and explanation reports, measured on the very bytes that will be served."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homologate.errors import ModelError
from homologate.settings import Settings
from homologate.steps.context import Context, Outcome, key_of
from homologate.steps.evidence import file_report
from homologate.tracking import StepRun

__all__ = ["evaluate", "explain", "headline", "key"]

ROOMS = ("evidence", "scorer", "attest", "steps/judge.py")


def key(step: str, settings: Settings, export_key: str) -> str:
    """Changes when the report would: the directory, the costs, what is asked of the explanation, or the code."""
    decides = {"export": export_key, "costs": settings.costs.model_dump(), "ask": settings.explanation.model_dump()}
    return key_of(step, *ROOMS, **decides)


def evaluate(context: Context, export_run: str) -> Outcome:
    """Judge the model directory of `export_run` on the stored test items; store `evaluation/`.

    Raises:
        DataError: `export_run` is not a finished export run.
        ModelError: the bytes fetched are not the bytes the export run named.
    """
    from homologate.evidence import evaluate as measure

    return _judge(context, "evaluate", export_run, measure)


def explain(context: Context, export_run: str) -> Outcome:
    """Report what the model directory of `export_run` decides on; store `explanation/`.

    Raises:
        DataError: `export_run` is not a finished export run.
        ModelError: the bytes fetched are not the bytes the export run named.
    """
    from homologate.evidence import explain as measure

    return _judge(context, "explain", export_run, measure)


def _judge(context: Context, step: str, export_run: str, measure: Any) -> Outcome:
    from homologate.attest import digest_of
    from homologate.evidence import render

    exported = context.tracker.run(export_run, step="export").data.tags
    data_run = exported["homologate.input.data_run"]
    inputs = {"export_run": export_run, "data_run": data_run}
    step_key = key(step, context.settings, exported.get("homologate.key", export_run))
    params = {"costs": context.settings.costs.model_dump(), "explanation": context.settings.explanation.model_dump()}
    with context.tracker.step(step, params=params, inputs=inputs, key=step_key) as run:
        model = context.tracker.fetch(export_run, "model")
        digest = digest_of(model)
        if digest != exported["homologate.digest"]:
            raise ModelError(
                f"the model directory of run {export_run} is {digest}, its run says {exported['homologate.digest']}",
                place=str(model),
                next_command=f"homologate export --train-run {exported['homologate.input.train_run']}",
            )
        frame = context.rows(data_run)
        _log_test_rows(run, frame, context.source_of(data_run))
        facts = measure(model, frame, context.settings, digest=digest, progress=context.say)
        run.tags({"homologate.digest": digest})
        run.metrics(headline(facts))
        file_report(context, run, digest, facts, render(facts), _beside(facts))
    return Outcome(run.id, {"digest": digest, "verdict": facts["verdict"], "metrics": headline(facts)})


def headline(facts: Mapping[str, Any], prefix: str = "", depth: int = 3) -> dict[str, float]:
    """The figures of a report that belong in the MLflow UI: numbers and the middle of intervals, three levels deep."""
    flat: dict[str, float] = {}
    for name, value in facts.items():
        where = f"{prefix}{name}"
        if isinstance(value, bool) or name == "schema":
            continue
        if isinstance(value, int | float):
            flat[where] = float(value)
        elif isinstance(value, Mapping) and isinstance(value.get("value"), int | float):
            flat[where] = float(value["value"])
        elif isinstance(value, Mapping) and depth > 1:
            flat |= headline(value, f"{where}.", depth - 1)
    return flat


def _beside(facts: Mapping[str, Any]) -> dict[str, str]:
    """What stands beside a report: of an evaluation, the verdict on every test item, one a line."""
    from homologate.evidence import jsonl

    return {"evaluation/items.jsonl": jsonl(facts)} if facts["kind"] == "evaluation" else {}


def _log_test_rows(run: StepRun, frame: Any, source: str) -> None:
    from homologate.dataset import fingerprint

    rows = frame[frame["split"] == "test"]
    run.dataset(rows, name="rows-test", context="testing", digest=fingerprint(rows), source=source)
