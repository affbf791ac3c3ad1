"""A prediction read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

__all__ = ["Prediction", "Share", "prediction_of"]


@dataclass(frozen=True, slots=True)
class Share:
    """One word of the attribution summary; `word` is None where privacy hid it."""

    word: str | None
    contribution: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """One text and its verdict, as it was kept.

    `time` is aware, in UTC. `text` is None where only its hash was kept; `privacy` says `full`, `redacted` or `hash`.
    `role` is `champion`, `canary` or `shadow` (nobody got that answer; its id is that of the answer it stands beside).
    `labels` is `(negative, positive)`, `probability` of the positive one. `words` are the largest shares of the logit,
    `other_words` the sum of the others; they are empty and `bias` is None where words were not asked for.
    """

    id: str
    time: datetime
    model: str
    version: str
    digest: str
    text: str | None
    text_sha256: str
    privacy: str
    label: str
    probability: float
    labels: tuple[str, str]
    threshold: float
    truncated: bool
    latency_ms: float | None
    caller: str | None
    door: str
    role: str
    component: str
    words: tuple[Share, ...]
    other_words: float
    bias: float | None
    remainder: float | None

    @property
    def probabilities(self) -> dict[str, float]:
        """By label, adding up to 1."""
        negative, positive = self.labels
        return {negative: 1 - self.probability, positive: self.probability}


def prediction_of(
    identity: str, time: datetime, model: str, version: str, inputs: Mapping[str, Any], outputs: Mapping[str, Any]
) -> Prediction:
    """A prediction from one row of inputs and one of outputs.

    Rows of Azure ML's own collector have the columns of the model alone: what they do not say is empty.

    Raises:
        KeyError, TypeError, ValueError: a row is not that of a verdict on a text.
    """
    text = inputs.get("text")
    if text is not None and not isinstance(text, str):
        raise TypeError("text")
    negative, positive = outputs.get("labels") or ("", "")
    return Prediction(
        id=identity,
        time=time,
        model=outputs.get("model", model),
        version=outputs.get("version", version),
        digest=outputs.get("digest", ""),
        text=text,
        text_sha256=inputs.get("text_sha256", ""),
        privacy=inputs.get("privacy", "full"),
        label=outputs["label"],
        probability=float(outputs["probability"]),
        labels=(negative, positive),
        threshold=float(outputs["threshold"]),
        truncated=bool(outputs.get("truncated", False)),
        latency_ms=outputs.get("latency_ms"),
        caller=outputs.get("caller"),
        door=outputs.get("door", ""),
        role=outputs.get("role", "champion"),
        component=inputs.get("component") or "",
        words=tuple(Share(word["word"], word["contribution"]) for word in outputs.get("words") or ()),
        other_words=outputs.get("other_words", 0.0),
        bias=outputs.get("bias"),
        remainder=outputs.get("remainder"),
    )
