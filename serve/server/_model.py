"""The version that answers: loaded, its bytes named, and probed before anyone may ask it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from homologate.errors import ModelError, RefusedError
from homologate.scorer import Scorer
from homologate.scoring import faults_as_errors, open_scorer
from serve.http import header_lines
from serve.server._pages import huge_pages

__all__ = ["ServedModel", "open_model"]

_PLAIN = " !#$&'()*+,/:;=?@[]^`{|}<>"
"""What `quote` leaves as it is, besides letters, digits and `-._~`."""

TOLERANCE = 1e-4
"""How far a probe's probability may be from the sigmoid of its shares; float32 rounding is below 1e-6."""


@dataclass(frozen=True)
class ServedModel:
    """A model that passed its golden probe. Requests in progress keep the one they began with."""

    scorer: Scorer
    name: str
    version: str
    digest: str
    reference: str

    @cached_property
    def headers(self) -> dict[str, str]:
        """Which model answered, for every response; what a header cannot hold is percent-encoded (RFC 3986)."""
        told = {"X-Model-Name": self.name, "X-Model-Version": self.version, "X-Model-Digest": self.digest}
        return {name: quote(value, _PLAIN) for name, value in told.items()}

    @cached_property
    def header(self) -> bytes:
        """The same as it is sent."""
        return header_lines((name.lower().encode(), value.encode()) for name, value in self.headers.items())

    @cached_property
    def named(self) -> dict[str, str]:
        """Which model answered, for every body."""
        return {
            "name": self.name,
            "version": self.version,
            "digest": self.digest,
            "precision": self.scorer.precision,
        }

    def facts(self) -> dict[str, str]:
        """Which model this is, and what the operator asked for."""
        return {**self.named, "asked_for": self.reference}


def open_model(
    directory: Path,
    *,
    name: str,
    version: str,
    reference: str,
    expected_digest: str | None = None,
    precision: str | None = None,
) -> ServedModel:
    """Load a model directory and let it answer its own input example.

    Args:
        directory: a model directory.
        name: how answers name it.
        version: its number, or what stands for one.
        reference: what the operator asked for.
        expected_digest: what its bytes must be; None takes them as they are.
        precision: `fp32` or `int8`; None means the model's own.

    Raises:
        ModelError: the directory is broken, or the probe was not answered as it must be.
        RefusedError: its bytes are not those expected.
    """
    from homologate.attest.digest import digest_of

    digest = digest_of(directory)
    if expected_digest is not None and digest != expected_digest:
        raise RefusedError(
            f"the model directory is {digest}, expected was {expected_digest}: its bytes were changed",
            place=str(directory),
            next_command="fetch the version again from the registry",
        )
    scorer = open_scorer(directory, precision, threads=1)
    _probe(scorer, directory)
    huge_pages()
    return ServedModel(scorer, name, version, digest, reference)


def _probe(scorer: Scorer, directory: Path) -> None:
    """Answer the input example with its words: shares must add up to the logit, and that to the probability."""
    from homologate.model_directory import example

    texts = example(directory)
    if not texts:
        raise ModelError("the input example is empty: there is nothing to probe with", place=str(directory))
    with faults_as_errors():
        answers = scorer.answers(texts, explain=True)
    for text, answer in zip(texts, answers, strict=True):
        shares = answer.bias + (answer.remainder or 0.0) + sum(word.contribution for word in answer.words)
        told = 1 / (1 + math.exp(-min(max(shares, -30.0), 30.0)))
        if not abs(told - answer.probability) <= TOLERANCE:
            raise ModelError(
                f"the golden probe {text[:40]!r} was answered with probability {answer.probability} "
                f"and words that say {told:.6f}",
                place=str(directory),
                next_command="homologate export  # makes the directory again and proves its parity",
            )
