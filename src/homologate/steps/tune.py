"""Split rows → training settings worth using: one parent run, one child run a trial."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from homologate.settings import TrainingSettings
from homologate.steps.context import Context, Outcome, key_of
from homologate.tracking import StepRun

__all__ = ["tune"]

ROOMS = ("classifier", "steps/tune.py")


def tune(context: Context, data_run: str, base: TrainingSettings, *, trials: int, fixed: frozenset[str]) -> Outcome:
    """Search for the training settings with the best average precision on the validation rows of `data_run`.

    A killed search continues when the same command is run again on this machine; with a larger number of trials it
    goes on from there.

    Args:
        context: the command's surroundings.
        data_run: a finished prepare run.
        base: settings that are not varied.
        trials: how many there shall be in all.
        fixed: names of settings that are not varied although they could be.

    Raises:
        DataError: `data_run` is not a finished prepare run.
        UsageError: nothing is left to vary.
        StorageError: the home folder cannot be written.
    """
    from homologate.classifier import tune as search

    settings, data = context.settings, context.tracker.run(data_run, step="prepare").data
    frame = context.rows(data_run)
    decides = {"base": base.model_dump(), "fixed": sorted(fixed), "costs": settings.costs.model_dump()}
    labels, rows_key = settings.data.labels, data.tags.get("homologate.key", data_run)
    study_key = key_of("tune", *ROOMS, **decides, data=rows_key, labels=labels.model_dump())
    inputs = {"data_run": data_run}

    @contextmanager
    def opened(number: int, chosen: TrainingSettings) -> Iterator[StepRun]:
        with context.tracker.step("trial", params=chosen.model_dump(), inputs=inputs) as run:
            run.tags({"mlflow.runName": f"trial-{number}"})
            yield run

    params = {"trials": trials, "base": base.model_dump()}
    with context.tracker.step("tune", params=params, inputs=inputs) as run:
        run.tags({"homologate.data_fingerprint": data.tags["homologate.data_fingerprint"]})
        workdir = context.home / "work" / f"tune-{study_key[:16]}"
        facts = search(
            frame,
            base,
            labels,
            settings.costs,
            workdir,
            trials=trials,
            fixed=fixed,
            opened=opened,
            say=context.say,
        )
        run.metrics({"best_valid_average_precision": facts.best.average_precision, "trials_made": len(facts.trials)})
        run.metrics({f"best.{name}": value for name, value in facts.best.values.items()})
        run.json(facts.as_json(), "tuning/tuning.json")
    return Outcome(run.id, facts.as_json())
