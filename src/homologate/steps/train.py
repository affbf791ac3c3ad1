"""Split rows → classifier: linear probe, fine-tuning, calibration, threshold. The only long step, so it resumes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

from homologate.settings import Settings, TrainingSettings
from homologate.steps.context import Context, Outcome, key_of

__all__ = ["key", "train"]

ROOMS = ("classifier", "steps/train.py")


def key(settings: Settings, training: TrainingSettings, data_key: str) -> str:
    """Changes when the classifier would: rows, training settings, costs, labels, or the code that trains."""
    decides = {"training": training.model_dump(), "costs": settings.costs.model_dump(), "data": data_key}
    return key_of("train", *ROOMS, **decides, labels=settings.data.labels.model_dump())


def train(context: Context, data_run: str, training: TrainingSettings) -> Outcome:
    """Fit the classifier on the rows of `data_run`; store it as `classifier/`.

    A killed training continues from its last validation when the same step is run again on this machine.

    Raises:
        DataError: `data_run` is not a finished prepare run.
        StorageError: the home folder or the artifact store will not take the result.
    """
    from homologate.classifier import train as fit

    data = context.tracker.run(data_run, step="prepare").data
    frame = context.rows(data_run)
    step_key = key(context.settings, training, data.tags.get("homologate.key", data_run))
    workdir = context.home / "work" / f"train-{step_key[:16]}"
    params: Mapping[str, Any] = {**training.model_dump(), "costs": context.settings.costs.model_dump()}
    with context.tracker.step("train", params=params, inputs={"data_run": data_run}, key=step_key) as run:
        fingerprint, source = data.tags["homologate.data_fingerprint"], context.source_of(data_run)
        run.tags({"homologate.data_fingerprint": fingerprint})
        for part, used_for in (("train", "training"), ("valid", "validation")):
            rows = frame[frame["split"] == part]
            run.dataset(rows, name=f"rows-{part}", context=used_for, digest=fingerprint, source=source)
        facts = fit(frame, training, context.settings.data.labels, context.settings.costs, workdir, run)
    shutil.rmtree(workdir, ignore_errors=True)
    return Outcome(run.id, _plain(facts))


def _plain(facts: Any) -> dict[str, Any]:
    from dataclasses import asdict, is_dataclass

    return asdict(facts) if is_dataclass(facts) and not isinstance(facts, type) else dict(facts)
