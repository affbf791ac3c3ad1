"""The linear probe that initialises the head (LP-FT).

A logistic regression on frozen mean-pooled embeddings is fitted first and becomes the head; only then are encoder
layers changed. Fine-tuning from a random head distorts the encoder's features before the head has learned to read
them (Kumar et al., "Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution", ICLR 2022).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._batches import Rows, loader, sorted_batches
from ._network import Network

__all__ = ["embed", "fit_probe"]


def embed(
    network: Network, rows: Rows, batch_size: int, depth: int, seen: Callable[[int], None]
) -> tuple[NDArray[np.float32], list[Tensor]]:
    """Run the frozen encoder once over all rows.

    Args:
        network: in evaluation mode.
        rows: rows of token ids.
        batch_size: rows at a time, sorted by length.
        depth: keep the hidden states after this many layers; 0 keeps none.
        seen: told how many rows each batch had.

    Returns:
        Mean-pooled embeddings float32 (n, hidden), and for each row its kept states (length, hidden), or no rows.
    """
    pooled = np.empty((len(rows), len(network.weight)), dtype=np.float32)
    kept: list[Tensor] = [torch.empty(0)] * len(rows) if depth else []
    batches = sorted_batches(rows.lengths, batch_size)
    with torch.inference_mode():
        for which, batch in zip(batches, loader(rows, batches), strict=True):
            out = network.encoder(input_ids=batch.inputs, attention_mask=batch.mask, output_hidden_states=bool(depth))
            present = batch.mask.unsqueeze(-1).to(out.last_hidden_state.dtype)
            pooled[which] = ((out.last_hidden_state * present).sum(1) / present.sum(1)).numpy()
            if depth:
                for row, states, length in zip(which, out.hidden_states[depth], batch.mask.sum(1), strict=True):
                    kept[row] = states[: int(length)].clone()
            seen(len(which))
    return pooled, kept


def fit_probe(embeddings: NDArray[np.float32], rows: Rows, c: float) -> tuple[NDArray[np.float32], float]:
    """Logistic regression on embeddings (n, hidden), each row counting its weight.

    Args:
        embeddings: of the training rows.
        rows: their targets and weights.
        c: inverse regularisation.

    Returns:
        Weight float32 (hidden,) and bias of the head.
    """
    from sklearn.linear_model import LogisticRegression

    probe = LogisticRegression(C=c, max_iter=2000)
    probe.fit(embeddings, rows.targets.numpy().astype(int), sample_weight=rows.weights.numpy())
    return probe.coef_[0].astype(np.float32), float(probe.intercept_[0])
