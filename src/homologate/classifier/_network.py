"""The model: encoder, mean pooling, linear head. Small, because it must explain itself.

With mean pooling and a linear head the logit is a sum over tokens, `logit = Σ_t (w · h_t) / n + b`, so each token's
share of the verdict is exact and comes out of the same forward pass (design, decision 6).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Network", "layers_of"]


class Network(nn.Module):
    """Encoder and head.

    Args:
        encoder: a Hugging Face encoder; called with `input_ids` or `inputs_embeds` and `attention_mask`.
        hidden: width of its last hidden state.
    """

    def __init__(self, encoder: nn.Module, hidden: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.weight = nn.Parameter(torch.zeros(hidden))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, inputs: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Judge a batch.

        Args:
            inputs: token ids int64 (batch, sequence), or hidden states float32 (batch, sequence, hidden) where the
                lower layers are replayed (see `_frozen.py`).
            mask: int64 (batch, sequence), 1 at real tokens.

        Returns:
            The logit of the positive label (batch,) and each token's share of it (batch, sequence), 0 at padding;
            `shares.sum(-1) + bias == logit`.
        """
        return self.judge(self.states(inputs, mask), mask)

    def states(self, inputs: Tensor, mask: Tensor) -> Tensor:
        """The encoder's last hidden states (batch, sequence, hidden) of what `forward` takes."""
        name = "inputs_embeds" if inputs.is_floating_point() else "input_ids"
        states: Tensor = self.encoder(**{name: inputs}, attention_mask=mask).last_hidden_state
        return states

    def judge(self, states: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The head on the encoder's last hidden states (batch, sequence, hidden)."""
        present = mask.to(states.dtype)
        # A product and a sum, not a matrix product: quantisation leaves them in fp32.
        shares = (states * self.weight).sum(-1) * present / present.sum(-1, keepdim=True)
        return shares.sum(-1) + self.bias, shares

    @staticmethod
    def pooled(states: Tensor, mask: Tensor) -> Tensor:
        """Mean of the last hidden states over real tokens (batch, hidden): what the head sees of a text."""
        present = mask.to(states.dtype)
        return (states * present.unsqueeze(-1)).sum(1) / present.sum(-1, keepdim=True)


def layers_of(encoder: nn.Module) -> nn.ModuleList | None:
    """The encoder's stack of layers; None where it is not found."""
    depth = getattr(getattr(encoder, "config", None), "num_hidden_layers", None)
    stacks = (part for part in encoder.modules() if isinstance(part, nn.ModuleList) and len(part) == depth)
    return next(stacks, None)
