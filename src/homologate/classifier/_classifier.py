"""The classifier directory: written once by training, read by export and parity.

config.json, model.safetensors    the encoder, as Hugging Face saves it
tokenizer.json, …                 its tokeniser, cut at max_tokens
head.safetensors                  weight float32 (hidden,), bias float32 (1,), calibration folded in
classifier.json                   labels, threshold, calibration, max_tokens, settings
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from homologate.errors import ModelError, StorageError, UsageError
from homologate.scorer import Tokeniser, padded
from homologate.scoring import faults_as_errors

from ._batches import sorted_batches
from ._encoder import load_encoder, load_tokeniser
from ._network import Network

__all__ = ["Classifier", "load_classifier", "save_classifier"]

SCHEMA = 1


@dataclass(frozen=True)
class Classifier:
    """A trained classifier in torch: the reference that export is held to."""

    directory: Path
    network: Network
    tokeniser: Tokeniser
    labels: tuple[str, str]
    threshold: float
    max_tokens: int

    def probabilities(self, texts: Sequence[str], batch_size: int = 16) -> NDArray[np.float32]:
        """Probability of the positive label, float32 (n,), in the order given.

        Raises:
            DataError: a text has nothing to read.
        """
        with faults_as_errors():
            read = self.tokeniser.read(texts) if texts else []
        found = np.empty(len(read), dtype=np.float32)
        with torch.inference_mode():
            for rows in sorted_batches([len(tokens.ids) for tokens in read], batch_size):
                ids, mask = padded([read[row].ids for row in rows], self.tokeniser.padding)
                logits, _ = self.network(torch.from_numpy(ids), torch.from_numpy(mask))
                found[rows] = torch.sigmoid(logits).numpy()
        return found


def save_classifier(
    directory: Path, network: Network, source: Path, tokeniser: Tokeniser, facts: Mapping[str, Any]
) -> None:
    """Write a classifier directory, whole or not at all.

    Args:
        directory: where; replaced if it exists.
        network: calibrated.
        source: the encoder directory whose tokeniser files go along.
        tokeniser: written as `tokenizer.json`.
        facts: `labels`, `threshold`, `max_tokens` and what else belongs into `classifier.json`.

    Raises:
        StorageError: the disk will not take it.
    """
    partial = directory.with_name(f".{directory.name}.partial")
    head = {"weight": network.weight.detach().clone(), "bias": network.bias.detach().clone()}
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        network.encoder.save_pretrained(str(partial))  # type: ignore[operator]
        load_tokeniser(source).save_pretrained(str(partial))
        tokeniser.save(partial / "tokenizer.json")
        save_file(head, partial / "head.safetensors")
        written = json.dumps({"schema": SCHEMA, **facts}, indent=2, ensure_ascii=False)
        (partial / "classifier.json").write_text(written + "\n", encoding="utf-8")
        shutil.rmtree(directory, ignore_errors=True)
        os.replace(partial, directory)
    except OSError as error:
        raise StorageError(f"the classifier cannot be written: {error}", place=str(directory)) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_classifier(directory: str | os.PathLike[str], attention: str = "sdpa") -> Classifier:
    """Load a classifier directory for inference.

    Args:
        directory: what training wrote.
        attention: `sdpa`, or `eager` for export.

    Raises:
        ModelError: the directory is missing or broken; names the file.
    """
    path = Path(directory)
    file = path / "classifier.json"
    again = "homologate train"
    if not file.is_file():
        raise ModelError(f"{str(path)!r} is not a classifier directory", place=str(file), next_command=again)
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        if facts["schema"] != SCHEMA:
            raise ModelError(f"schema {facts['schema']!r} is unknown", place=str(file), legal=str(SCHEMA))
        negative, positive = facts["labels"]
        threshold, max_tokens = float(facts["threshold"]), int(facts["max_tokens"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"cannot be read: {error!r}", place=str(file), next_command=again) from error
    try:
        encoder = load_encoder(path, attention)
        network = Network(encoder, encoder.config.hidden_size)
        head = load_file(path / "head.safetensors")
        with torch.no_grad():
            network.weight.copy_(head["weight"])
            network.bias.copy_(head["bias"])
    except Exception as error:  # safetensors and torch raise classes of their own
        what = error.problem if isinstance(error, UsageError) else repr(error)
        raise ModelError(f"the weights cannot be read: {what}", place=str(path), next_command=again) from error
    with faults_as_errors():
        tokeniser = Tokeniser(path / "tokenizer.json", max_tokens)
    return Classifier(path, network.eval(), tokeniser, (negative, positive), threshold, max_tokens)
