"""Frozen lower layers: they get no gradient, and run once instead of once an epoch.

A preset that fine-tunes only the topmost layers asks the same question of the lower ones in every epoch and every
validation. Their answers are kept from the pass that feeds the linear probe, and replayed: the encoder runs with its
embeddings and its frozen layers replaced by parts that pass the kept hidden states on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ._network import Network, layers_of

__all__ = ["can_replay", "frozen_depth", "replayed"]

KEEP_AT_MOST = 2**30
"""Bytes of hidden states that are kept; a larger set runs its lower layers every time."""


def frozen_depth(network: Network, trainable_layers: int, train_embeddings: bool) -> int:
    """Freeze what shall not learn, and say how many lowest layers can be replayed.

    Returns:
        The number of frozen layers below which nothing learns; 0 where nothing can be replayed.
    """
    encoder = network.encoder
    found = layers_of(encoder)
    if found is None:
        encoder.requires_grad_(bool(trainable_layers) or train_embeddings)
        return 0
    layers = found
    depth = max(len(layers) - trainable_layers, 0)
    learning = {id(parameter) for layer in layers[depth:] for parameter in layer.parameters()}
    stacked = {id(parameter) for parameter in layers.parameters()}
    for parameter in encoder.parameters():
        in_stack = id(parameter) in stacked
        parameter.requires_grad_(id(parameter) in learning if in_stack else train_embeddings)
    return 0 if train_embeddings else depth


def can_replay(network: Network, depth: int, tokens: int, ids: Tensor) -> bool:
    """Whether replaying gives what the whole encoder gives, and the states fit in memory.

    Args:
        network: the network to ask.
        depth: lowest layers to replay.
        tokens: real tokens of all rows whose states would be kept.
        ids: token ids int64 (1, length) of one text, on which both ways are compared.
    """
    if depth == 0 or tokens * len(network.weight) * 4 > KEEP_AT_MOST or not hasattr(network.encoder, "embeddings"):
        return False
    mask = torch.ones_like(ids)
    with torch.no_grad(), contextlib.suppress(TypeError, ValueError, AttributeError, IndexError, RuntimeError):
        whole = network.encoder(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        with replayed(network.encoder, depth):
            again = network.encoder(inputs_embeds=whole.hidden_states[depth], attention_mask=mask)
        return torch.allclose(again.last_hidden_state, whole.last_hidden_state, atol=1e-4)
    return False


@contextlib.contextmanager
def replayed(encoder: Any, depth: int) -> Iterator[None]:
    """Inside this block `encoder` takes hidden states after layer `depth` as `inputs_embeds`; 0 changes nothing."""
    found = layers_of(encoder)
    if depth == 0 or found is None:
        yield
        return
    embeddings, lower = encoder.embeddings, list(found[:depth])
    encoder.embeddings = _Pass()
    for place in range(depth):
        found[place] = _Pass()
    try:
        yield
    finally:
        encoder.embeddings = embeddings
        for place, layer in enumerate(lower):
            found[place] = layer


class _Pass(nn.Module):
    """Stands where a frozen part was and passes the kept states on."""

    def forward(self, states: Tensor | None = None, *_: Any, inputs_embeds: Tensor | None = None, **__: Any) -> Any:
        """The states, as they are."""
        return states if inputs_embeds is None else inputs_embeds
