"""What a training found, and how a run remembers it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from homologate.settings import LabelSettings

from ._calibrate import Calibration
from ._measure import measured
from ._plots import figures
from ._run import Run

__all__ = ["TrainingFacts", "final_measures", "record"]


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """What a training found. `valid` is measured at the threshold, after calibration."""

    directory: Path
    train_rows: int
    valid_rows: int
    truncated_share: float
    steps: int
    steps_planned: int
    best_step: int
    stopped_early: bool
    resumed_from: int | None
    probe: dict[str, float]
    valid: dict[str, float]
    threshold: float
    calibration: Calibration
    parameters: int
    parameters_trained: int
    threads: int
    seconds: float
    history: tuple[dict[str, float], ...]

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {**asdict(self), "directory": str(self.directory), "history": list(self.history)}


def final_measures(
    probabilities: NDArray[np.float64], targets: NDArray[np.float32], threshold: float
) -> dict[str, float]:
    """What the validation rows show of the finished classifier."""
    clipped = np.clip(probabilities, 1e-12, 1 - 1e-12)
    likelihood = targets * np.log(clipped) + (1 - targets) * np.log(1 - clipped)
    return {
        **measured(probabilities, targets, threshold),
        "log_loss": float(-likelihood.mean()),
        "brier": float(np.mean((probabilities - targets) ** 2)),
        "positive_share": float(targets.mean()),
    }


def record(
    run: Run,
    facts: TrainingFacts,
    probabilities: NDArray[np.float64],
    targets: NDArray[np.float32],
    labels: LabelSettings,
) -> None:
    run.params({name: getattr(facts, name) for name in ("train_rows", "valid_rows", "steps_planned")})
    run.params(
        {"threads_used": facts.threads, "parameters": facts.parameters, "parameters_trained": facts.parameters_trained}
    )
    run.metrics({f"final_valid_{name}": value for name, value in facts.valid.items()}, step=facts.steps)
    run.metrics({"threshold": facts.threshold, "best_step": facts.best_step, "seconds": facts.seconds})
    for name, figure in figures(probabilities, targets, facts.threshold, labels.words, "validation").items():
        run.figure(figure, f"plots/{name}.png")
    run.json(facts.as_json(), "training/training.json")
    run.folder(facts.directory, "classifier")
