"""Fine-tuning, as Lightning runs it."""

from __future__ import annotations

import math
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from homologate.errors import UsageError
from homologate.settings import TrainingSettings

from ._batches import Batch
from ._measure import measured
from ._network import Network

__all__ = ["Diverged", "FineTuning", "groups_of"]


class Diverged(UsageError):
    """The loss is no longer a number."""


class FineTuning(lightning.LightningModule):
    """The network, its loss and its optimiser.

    Args:
        network: with its head already initialised by the probe.
        settings: learning rates, decay, warm-up.
        first_step: optimiser steps taken before (in a training that is continued).
        total_steps: optimiser steps of the whole training.
    """

    def __init__(self, network: Network, settings: TrainingSettings, first_step: int, total_steps: int) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self.first_step, self.total_steps = first_step, total_steps
        self.validation: dict[str, float] = {}
        """Loss, average precision, ROC-AUC and F1 of the last validation."""
        self.logits: Tensor = torch.empty(0)
        """Logits of the validation rows, in the order of the rows' lengths, at the last validation."""
        self._seen: list[tuple[Tensor, Batch]] = []

    @property
    def step(self) -> int:
        """Optimiser steps taken, those before a continuation included."""
        return self.first_step + self.global_step

    def train(self, mode: bool = True) -> FineTuning:
        """Training mode, except where nothing learns: frozen parts answer the same every time, without dropout."""
        super().train(mode)
        for part in self.modules():
            own = list(part.parameters())
            if own and not any(parameter.requires_grad for parameter in own):
                part.eval()
        return self

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Weighted binary cross-entropy of one batch.

        Raises:
            Diverged: the loss is no longer a number.
        """
        logits, _ = self.network(batch.inputs, batch.mask)
        loss = _loss(logits, batch).mean()
        if not math.isfinite(loss.item()):
            raise Diverged(
                f"the training loss became {loss.item()} at step {self.step + 1} of {self.total_steps}",
                place=f"training.learning_rate = {self.settings.learning_rate}",
                legal="a learning rate at which the loss stays finite; 2e-5 to 2e-4 suits most encoders",
                next_command=f"homologate train --learning-rate {self.settings.learning_rate / 5:g}",
            )
        return loss

    def validation_step(self, batch: Batch, _index: int) -> None:
        """Keep what the network says; `on_validation_epoch_end` measures it."""
        self._seen.append((self.network(batch.inputs, batch.mask)[0], batch))

    def on_validation_epoch_end(self) -> None:
        """Measure the validation rows as a whole: average precision is no mean over batches."""
        self.logits = torch.cat([logits for logits, _ in self._seen]).clone()
        targets = torch.cat([batch.targets for _, batch in self._seen])
        loss = torch.cat([_loss(logits, batch) for logits, batch in self._seen]).mean().item()
        self.validation = {"loss": loss, **measured(self.logits.numpy(), targets.numpy())}
        self._seen = []

    def configure_optimizers(self) -> Any:
        """AdamW with a linear warm-up and a linear decay to zero."""
        optimizer = torch.optim.AdamW(groups_of(self.network, self.settings), fused=True)
        warmup = max(1, round(self.settings.warmup_share * self.total_steps))

        def share(steps: int) -> float:
            at = steps + self.first_step
            rising = (at + 1) / warmup
            return min(rising, max(0.0, (self.total_steps - at) / max(1, self.total_steps - warmup)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def groups_of(network: Network, settings: TrainingSettings) -> list[dict[str, Any]]:
    """Parameters that learn, by learning rate and decay: the head learns faster, biases and norms do not decay."""
    head = [network.weight, network.bias]
    body = [parameter for parameter in network.encoder.parameters() if parameter.requires_grad]
    groups = [
        {"params": head, "lr": settings.head_learning_rate, "weight_decay": 0.0},
        {
            "params": [parameter for parameter in body if parameter.ndim >= 2],
            "lr": settings.learning_rate,
            "weight_decay": settings.weight_decay,
        },
        {
            "params": [parameter for parameter in body if parameter.ndim < 2],
            "lr": settings.learning_rate,
            "weight_decay": 0.0,
        },
    ]
    return [group for group in groups if group["params"]]


def _loss(logits: Tensor, batch: Batch) -> Tensor:
    """Loss of each row (batch,), weighted so that both labels count the same."""
    return batch.weights * binary_cross_entropy_with_logits(logits, batch.targets, reduction="none")
