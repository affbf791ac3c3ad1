"""The search for better training settings: which trial comes next, which is cut off, what was best.

Optuna decides (tree-structured Parzen estimators; Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
2011); every trial is an ordinary training, judged by its best average precision on the validation rows. Test rows are
never looked at. The study is one journal file, so a killed search goes on where it was, and because each draw has its
own seed, it ends where an undisturbed search ends.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from homologate.errors import StorageError, UsageError
from homologate.settings import CostSettings, LabelSettings, TrainingSettings

from ._module import Diverged
from ._run import Run
from ._train import train

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SPACE", "Trial", "TuningFacts", "tune"]

SPACE: dict[str, Callable[[optuna.Trial], float | int]] = {
    "learning_rate": lambda trial: trial.suggest_float("learning_rate", 2e-5, 5e-4, log=True),
    "head_learning_rate": lambda trial: trial.suggest_float("head_learning_rate", 1e-4, 1e-2, log=True),
    "weight_decay": lambda trial: trial.suggest_float("weight_decay", 1e-3, 0.1, log=True),
    "batch_size": lambda trial: trial.suggest_categorical("batch_size", (8, 16, 32)),
}
"""What may vary. The number of epochs and of trained layers is the preset's: more of either is better and dearer."""
DRAWN_BLINDLY = 4
"""Trials before the sampler has seen enough to model, and before a trial may be cut off."""
SETTLED = (TrialState.COMPLETE, TrialState.PRUNED)


class TrialRun(Run, Protocol):
    """The open run of one trial."""

    id: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One training with other settings.

    Attributes:
        number: from 1, in the order they were settled.
        values: the settings that were varied.
        average_precision: the best on the validation rows.
        pruned: whether it was cut off: below the median of earlier trials at the same validation, or diverged.
        run_id: its run.
    """

    number: int
    values: Mapping[str, float | int]
    average_precision: float
    pruned: bool
    run_id: str


@dataclass(frozen=True, slots=True)
class TuningFacts:
    """What a search found."""

    best: Trial
    trials: tuple[Trial, ...]
    made_before: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def tune(
    frame: pd.DataFrame,
    base: TrainingSettings,
    labels: LabelSettings,
    costs: CostSettings,
    workdir: str | Path,
    *,
    trials: int,
    fixed: frozenset[str],
    opened: Callable[[int, TrainingSettings], AbstractContextManager[TrialRun]],
    say: Callable[[str], None] = lambda _: None,
) -> TuningFacts:
    """Train `trials` times with other settings and find the best.

    Args:
        frame: split rows in canonical form.
        base: the settings that are not varied; its seed is also the search's.
        labels: which word is positive.
        costs: decide each trial's threshold.
        workdir: keeps the study (`study.log`); the same folder continues it, so it must be of the same rows and base.
        trials: how many there shall be in all, those of an earlier, killed search included.
        fixed: names of `SPACE` that are not varied.
        opened: opens the run of a trial, given its number and settings.
        say: told a line after every trial.

    Raises:
        UsageError: nothing is left to vary, or fewer than one trial is asked for.
        StorageError: `workdir` cannot be written.
        KeyboardInterrupt: Ctrl-C; the study stays and the trial that was cut off is made again.
    """
    varied = [name for name in SPACE if name not in fixed]
    if not varied:
        raise UsageError(
            "every setting that may be varied is given",
            place=", ".join(f"--{name.replace('_', '-')}" for name in SPACE),
            legal="at least one of them left out",
        )
    if trials < 1:
        raise UsageError(f"{trials} trials cannot be made", place="--trials", legal="1 or more")
    begun, folder = time.monotonic(), Path(workdir)
    study = _study(folder)
    made_before = len(study.get_trials(deepcopy=False, states=SETTLED))
    for number in range(made_before + 1, trials + 1):
        # Its own seed for each draw: what is drawn does not depend on whether the search was killed before.
        study.sampler = optuna.samplers.TPESampler(seed=base.seed + number, n_startup_trials=DRAWN_BLINDLY)
        drawn = study.ask()
        values = {name: _short(SPACE[name](drawn)) for name in varied}
        settings = base.model_copy(update=values)
        work = folder / f"trial-{number}"
        with opened(number, settings) as run:
            drawn.set_user_attr("values", values)
            drawn.set_user_attr("run_id", run.id)
            watched = _Watched(run, drawn, validations=settings.epochs * settings.validations_per_epoch)
            try:
                train(frame, settings, labels, costs, work, watched)
                study.tell(drawn, watched.best)
            except (optuna.TrialPruned, Diverged):
                study.tell(drawn, state=TrialState.PRUNED)
            run.metrics({"best_valid_average_precision": watched.best})
        shutil.rmtree(work, ignore_errors=True)
        made = _trials(study)
        left = (time.monotonic() - begun) / (number - made_before) * (trials - number)
        told = ", ".join(f"{name} {value:g}" for name, value in values.items())
        how = "cut off at" if made[-1].pruned else "average precision"
        best = _best(made).average_precision
        say(f"trial {number}/{trials}: {told}: {how} {watched.best:.3f}; best {best:.3f}, about {left:.0f} s left")
    made = _trials(study)
    return TuningFacts(_best(made), tuple(made), made_before, time.monotonic() - begun)


def _study(folder: Path) -> optuna.Study:
    """The study of this folder. A trial whose process died counts as not made: the same one is drawn again."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        study = optuna.create_study(
            study_name="tune",
            storage=JournalStorage(JournalFileBackend(str(folder / "study.log"))),
            direction="maximize",
            load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=DRAWN_BLINDLY),
        )
    except OSError as error:
        raise StorageError(
            f"cannot keep the study: {error}", place=str(folder), legal="a folder that can be written"
        ) from error
    for cut_off in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(cut_off.number, state=TrialState.FAIL)
    return study


def _trials(study: optuna.Study) -> list[Trial]:
    """The settled trials, in order."""
    found = []
    for number, made in enumerate(study.get_trials(deepcopy=False, states=SETTLED), start=1):
        best, given = max(made.intermediate_values.values()), made.user_attrs
        found.append(Trial(number, given["values"], best, made.state == TrialState.PRUNED, given["run_id"]))
    return found


def _best(trials: list[Trial]) -> Trial:
    """The one with the highest average precision among those that were finished."""
    return max(trials, key=lambda trial: (not trial.pruned, trial.average_precision))


def _short(value: float | int) -> float | int:
    """Three digits are as exact as a learning rate needs to be, and can be typed."""
    return value if isinstance(value, int) else float(f"{value:.3g}")


class _Watched:
    """The run of a trial, watched: it reports validations to the study, and keeps curves but no weights."""

    def __init__(self, run: Run, trial: optuna.Trial, validations: int) -> None:
        self._run, self._trial, self._left = run, trial, validations
        self._seen: list[float] = []

    @property
    def best(self) -> float:
        """The best average precision yet, on the validation rows."""
        return max(self._seen)

    def params(self, values: Mapping[str, Any]) -> None:
        self._run.params(values)

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Forward them; after a validation, stop a trial that is behind.

        Raises:
            optuna.TrialPruned: it is below the median of earlier trials at the same validation.
        """
        self._run.metrics(values, step=step)
        if "valid_average_precision" not in values:
            return
        self._seen.append(values["valid_average_precision"])
        self._trial.report(self.best, len(self._seen) - 1)
        fine_tuned, last = len(self._seen) > 1, len(self._seen) > self._left
        if fine_tuned and not last and self._trial.should_prune():
            raise optuna.TrialPruned

    def figure(self, figure: Any, path: str) -> None:
        """Figures are for the training that follows."""

    def folder(self, local: Any, path: str) -> None:
        """Weights of trials are not kept."""

    def json(self, facts: Mapping[str, Any], path: str) -> None:
        self._run.json(facts, path)
