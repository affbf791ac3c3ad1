"""What happens around the training steps: keep the best weights, stop early, log curves, show progress."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor

from ._checkpoint import Checkpoint, Progress
from ._network import Network
from ._progress import ProgressLine
from ._run import Run

__all__ = ["Curves", "Keeper", "Shown"]


class Keeper(lightning.Callback):
    """Keeps the best weights, stops when validations no longer gain, and saves where a kill would leave us.

    The best validation is the one with the highest average precision, and among equals (to four digits) the one with
    the lowest loss. The linear probe competes as step 0, so fine-tuning can never leave the validation rows worse off.

    Args:
        progress: where the training starts: the probe, or what a killed training left.
        patience: validations without gain before stopping.
        checkpoint: where to save.
    """

    def __init__(self, progress: Progress, patience: int, checkpoint: Checkpoint) -> None:
        self.progress, self.patience, self.checkpoint = progress, patience, checkpoint
        self.interrupted: BaseException | None = None

    @property
    def stopped_early(self) -> bool:
        """Whether patience ran out."""
        return self.progress.validations_without_gain >= self.patience

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Continue with the optimiser's state."""
        if self.progress.optimizer:
            trainer.optimizers[0].load_state_dict(self.progress.optimizer)

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Continue with the random state: loaders draw from it when they start, so not before the first batch."""
        if batch_idx == 0:
            torch.set_rng_state(self.progress.random)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Judge this validation."""
        now, weights = self.progress, weights_of(pl_module.network)
        best = next(found for found in now.history if found["step"] == now.best_step)
        now.history.append({"step": pl_module.step, **pl_module.validation})
        if _score(pl_module.validation) > _score(best):
            now.best_step = pl_module.step
            now.best_weights, now.best_logits = weights, pl_module.logits
            now.validations_without_gain = 0
        else:
            now.validations_without_gain += 1
        now.step, now.weights = pl_module.step, weights
        now.optimizer, now.random = trainer.optimizers[0].state_dict(), torch.get_rng_state()
        self.checkpoint.save(now)
        trainer.should_stop = self.stopped_early

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Lightning turns Ctrl-C into an exit; remember what it was."""
        self.interrupted = exception


class Curves(lightning.Callback):
    """Curves into the tracked run, without a second run of Lightning's own logger.

    Args:
        run: the open run.
        every: training steps between two points; the loss between them is averaged.
    """

    def __init__(self, run: Run, every: int = 10) -> None:
        self.run, self.every = run, every
        self._losses: list[float] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Log the loss and the learning rate now and then."""
        self._losses.append(float(outputs["loss"]))
        if len(self._losses) >= self.every:
            self._flush(trainer, pl_module)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Log every validation, and the loss up to it."""
        self._flush(trainer, pl_module)
        self.run.metrics({f"valid_{name}": value for name, value in pl_module.validation.items()}, step=pl_module.step)

    def _flush(self, trainer: Any, pl_module: Any) -> None:
        if self._losses:
            rate = trainer.optimizers[0].param_groups[-1]["lr"]
            loss = sum(self._losses) / len(self._losses)
            self.run.metrics({"train_loss": loss, "learning_rate": rate}, step=pl_module.step)
            self._losses = []


class Shown(lightning.Callback):
    """Progress a person can read, on stderr."""

    def __init__(self, line: ProgressLine) -> None:
        self.line = line

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """One more step."""
        self.line.advance(1, f"loss {float(outputs['loss']):.3f}")

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """A validation is worth a line of its own."""
        found = pl_module.validation
        self.line.say(
            f"step {pl_module.step}: valid loss {found['loss']:.3f}, average precision "
            f"{found['average_precision']:.3f}, F1 {found['f1']:.3f}"
        )


def _score(found: dict[str, float]) -> tuple[float, float]:
    return round(found["average_precision"], 4), -found["loss"]


def weights_of(network: Network) -> dict[str, Tensor]:
    """A copy of everything that learns."""
    return {name: value.detach().clone() for name, value in network.named_parameters() if value.requires_grad}
