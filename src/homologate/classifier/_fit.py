"""Fine-tuning proper: Lightning over a fixed plan of batches, from any step of it."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import warnings
from collections.abc import Iterator

import pytorch_lightning as lightning
import torch

from homologate.settings import TrainingSettings

from ._batches import Rows, loader, plan, sorted_batches
from ._callbacks import Curves, Keeper, Shown
from ._checkpoint import Checkpoint, Progress
from ._module import FineTuning
from ._network import Network
from ._progress import ProgressLine
from ._run import Run

__all__ = ["fit", "steps_of", "using_threads"]


def steps_of(train: Rows, settings: TrainingSettings) -> tuple[list[list[int]], int]:
    """The plan of batches of a whole training, and the steps between two validations.

    The plan is cut to a multiple of those steps, so that the last weights are validated too: it loses fewer batches
    than there are validations.
    """
    batches = plan(train.lengths, settings.batch_size, settings.epochs, settings.seed)
    an_epoch = len(batches) // max(settings.epochs, 1)
    between = max(1, an_epoch // settings.validations_per_epoch)
    return batches[: len(batches) // between * between], between


def fit(
    network: Network,
    train: Rows,
    valid: Rows,
    settings: TrainingSettings,
    progress: Progress,
    checkpoint: Checkpoint,
    run: Run,
) -> tuple[Progress, bool]:
    """Fine-tune `network` from where `progress` is to the end of the plan, or until it no longer gains.

    Args:
        network: holding `progress.weights`; holds the last weights afterwards, not the best.
        train: rows to learn from.
        valid: rows that decide what is best.
        settings: the recipe.
        progress: the start.
        checkpoint: where every validation is saved.
        run: receives the curves.

    Returns:
        The progress at the end, and whether it stopped early.

    Raises:
        UsageError: the loss became NaN or infinite.
        StorageError: the checkpoint cannot be written.
        KeyboardInterrupt: Ctrl-C or SIGTERM; the last checkpoint stays.
    """
    batches, between = steps_of(train, settings)
    keeper = Keeper(progress, settings.early_stopping_patience, checkpoint)
    if progress.step >= len(batches) or keeper.stopped_early:
        return progress, keeper.stopped_early
    module = FineTuning(network, settings, progress.step, len(batches)).train()
    with ProgressLine("train", len(batches), progress.step) as line, _quiet(), _interruptible(keeper):
        trainer = lightning.Trainer(
            accelerator="cpu",
            max_epochs=1,  # the plan holds all epochs
            val_check_interval=between,
            gradient_clip_val=1.0,
            callbacks=[Shown(line), Curves(run), keeper],
            inference_mode=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
        )
        trainer.fit(
            module,
            loader(train, batches[progress.step :]),
            loader(valid, sorted_batches(valid.lengths, settings.batch_size)),
        )
    return keeper.progress, keeper.stopped_early


@contextlib.contextmanager
def using_threads(threads: int) -> Iterator[int]:
    """Let torch use so many threads (0: every core this process may use), and put back what was."""
    before = torch.get_num_threads()
    wanted = threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(wanted)
    try:
        yield wanted
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advice off the terminal; errors still come through."""
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Our batches are made in microseconds from memory; worker processes would cost more than they bring.
            warnings.filterwarnings("ignore", ".*does not have many workers.*")
            # Frozen parts are in eval mode on purpose.
            warnings.filterwarnings("ignore", ".*module\\(s\\) in eval mode.*")
            # Lightning 2.6.6 asks torch 2.13 in a way it deprecates; nothing we or a user can change.
            warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _interruptible(keeper: Keeper) -> Iterator[None]:
    """Lightning answers Ctrl-C by ignoring further ones and leaving with exit code 1; give the interrupt back."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as left:
        raise KeyboardInterrupt from (keeper.interrupted or left)
    finally:
        with contextlib.suppress(ValueError):  # not in the main thread: Lightning did not touch it either
            signal.signal(signal.SIGINT, before)
