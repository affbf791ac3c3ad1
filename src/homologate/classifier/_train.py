"""The training step: linear probe, fine-tuning, calibration, threshold, classifier directory."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from homologate.errors import StorageError, UsageError
from homologate.scorer import Tokeniser
from homologate.settings import CostSettings, LabelSettings, TrainingSettings

from ._batches import Rows, sorted_batches
from ._calibrate import Calibration, calibrate, choose_threshold
from ._callbacks import weights_of
from ._checkpoint import Checkpoint, Progress
from ._classifier import save_classifier
from ._encoder import encoder_directory, load_encoder, load_tokeniser
from ._facts import TrainingFacts, final_measures, record
from ._fit import fit, steps_of, using_threads
from ._frozen import can_replay, frozen_depth, replayed
from ._measure import measured
from ._network import Network
from ._probe import embed, fit_probe
from ._progress import ProgressLine
from ._rows import rows_of
from ._run import Run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TrainingFacts", "train"]


def train(
    frame: pd.DataFrame,
    settings: TrainingSettings,
    labels: LabelSettings,
    costs: CostSettings,
    workdir: str | Path,
    run: Run,
) -> TrainingFacts:
    """Train a classifier and record it in `run`.

    Writes `workdir/classifier` and logs it as the artifact `classifier`, with curves, figures under `plots/` and the
    facts as `training/training.json`. While it runs it keeps `workdir/checkpoint.pt`; a training with the same
    settings, rows and encoder continues from it, any other starts anew.

    Args:
        frame: split rows in canonical form (docs/architecture.md).
        settings: the recipe.
        labels: which word is positive.
        costs: decide the threshold.
        workdir: a folder of this training's own; made if missing.
        run: an open run.

    Raises:
        DataError: a split lacks a label, a column is missing, or a text has nothing to read.
        UsageError: the encoder is unusable, or the loss became NaN.
        StorageError: `workdir` cannot be written.
        KeyboardInterrupt: Ctrl-C; the checkpoint stays, `workdir/classifier` is as it was before.
    """
    started = time.monotonic()
    folder = Path(workdir)
    source = encoder_directory(settings.encoder)
    with using_threads(settings.threads) as threads, torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        encoder = load_encoder(source, layers=settings.encoder_layers)
        network = Network(encoder, encoder.config.hidden_size)
        tokeniser = _tokeniser(source, encoder.config, settings.max_tokens, folder)
        train_rows, valid_rows, truncated = rows_of(frame, tokeniser, settings, labels)
        checkpoint = Checkpoint(folder / "checkpoint.pt", _key(frame, settings, labels, source))

        progress = checkpoint.load()
        resumed_from = progress.step if progress else None
        depth = _depth(network, train_rows, valid_rows, settings)
        if progress is None or depth:
            train_rows, valid_rows, probe = _probed(network, train_rows, valid_rows, settings, depth)
            progress = progress or probe
        _announce(run, progress, resumed_from)

        with replayed(network.encoder, depth):
            _put(network, progress.weights)
            progress, stopped_early = fit(network, train_rows, valid_rows, settings, progress, checkpoint, run)
            _put(network, progress.best_weights)

        order = _validation_order(valid_rows, settings)
        logits, targets = progress.best_logits.numpy(), valid_rows.targets[order].numpy()
        calibration = calibrate(logits, targets)
        _fold(network, calibration)
        probabilities = expit(calibration.slope * logits.astype(np.float64) + calibration.shift)
        threshold = choose_threshold(probabilities, targets, costs)
        facts = TrainingFacts(
            directory=folder / "classifier",
            train_rows=len(train_rows),
            valid_rows=len(valid_rows),
            truncated_share=truncated,
            steps=progress.step,
            steps_planned=len(steps_of(train_rows, settings)[0]),
            best_step=progress.best_step,
            stopped_early=stopped_early,
            resumed_from=resumed_from,
            probe=progress.history[0],
            valid=final_measures(probabilities, targets, threshold),
            threshold=threshold,
            calibration=calibration,
            parameters=sum(parameter.numel() for parameter in network.parameters()),
            parameters_trained=sum(value.numel() for value in progress.weights.values()),
            threads=threads,
            seconds=time.monotonic() - started,
            history=tuple(progress.history),
        )
        _save(network, source, tokeniser, settings, labels, costs, facts)
    record(run, facts, probabilities, targets, labels)
    checkpoint.remove()
    return facts


def _depth(network: Network, train: Rows, valid: Rows, settings: TrainingSettings) -> int:
    """How many lowest layers are replayed; freezes what shall not learn on the way."""
    depth = frozen_depth(network, settings.trainable_layers, settings.train_embeddings)
    tokens = sum(train.lengths) + sum(valid.lengths)
    usable = settings.epochs > 0 and can_replay(network, depth, tokens, train.inputs[0][None])
    return depth if usable else 0


def _probed(
    network: Network, train: Rows, valid: Rows, settings: TrainingSettings, depth: int
) -> tuple[Rows, Rows, Progress]:
    """Fit the probe into the head; the rows to go on with, and the probe as the training's step 0."""
    with ProgressLine("probe", len(train) + len(valid), unit="text") as line:
        embedded, kept = embed(network, train, settings.batch_size, depth, line.advance)
        held_out, held_out_kept = embed(network, valid, settings.batch_size, depth, line.advance)
        weight, bias = fit_probe(embedded, train, settings.probe_c)
        with torch.no_grad():
            network.weight.copy_(torch.from_numpy(weight))
            network.bias.fill_(bias)
        order = _validation_order(valid, settings)
        logits = torch.from_numpy(held_out @ weight + np.float32(bias))[order]
        loss = binary_cross_entropy_with_logits(logits, valid.targets[order], valid.weights[order]).item()
        found = {"step": 0, "loss": loss, **measured(logits.numpy(), valid.targets[order].numpy())}
        line.say(f"average precision {found['average_precision']:.3f} on {len(valid)} validation texts")
    if depth:
        train, valid = replace(train, inputs=kept), replace(valid, inputs=held_out_kept)
    weights = weights_of(network)
    start = Progress(
        step=0,
        weights=weights,
        optimizer={},
        random=torch.get_rng_state(),
        best_step=0,
        best_weights=weights,
        best_logits=logits,
        validations_without_gain=0,
        history=[found],
    )
    return train, valid, start


def _announce(run: Run, progress: Progress, resumed_from: int | None) -> None:
    """Every run shows the whole curve of validations, also those before a kill."""
    if resumed_from is not None:
        print(f"train: continues from step {resumed_from}, where an earlier training was cut off", file=sys.stderr)
    for found in progress.history:
        run.metrics(
            {f"valid_{name}": value for name, value in found.items() if name != "step"}, step=int(found["step"])
        )


def _save(
    network: Network,
    source: Path,
    tokeniser: Tokeniser,
    settings: TrainingSettings,
    labels: LabelSettings,
    costs: CostSettings,
    facts: TrainingFacts,
) -> None:
    written = {
        "labels": list(labels.words),
        "threshold": facts.threshold,
        "max_tokens": settings.max_tokens,
        "calibration": asdict(facts.calibration),
        "settings": {"training": settings.model_dump(), "costs": costs.model_dump()},
    }
    save_classifier(facts.directory, network, source, tokeniser, written)


def _tokeniser(source: Path, config: Any, max_tokens: int, folder: Path) -> Tokeniser:
    """The encoder's own tokeniser, through the file and the class that every later answer uses."""
    tokeniser = load_tokeniser(source)
    words = len(tokeniser.get_vocab())
    if not config.vocab_size / 2 <= words <= config.vocab_size:
        raise UsageError(
            f"the tokeniser of {source.name!r} knows {words} tokens and the encoder {config.vocab_size}",
            place=f"training.encoder, {source}",
            legal="a directory whose tokenizer.json and weights belong together",
        )
    room = min(int(getattr(config, "max_position_embeddings", max_tokens)), int(tokeniser.model_max_length))
    if max_tokens > room:
        raise UsageError(
            f"max_tokens = {max_tokens}, but {source.name!r} reads at most {room} tokens",
            place="training.max_tokens",
            legal=f"8 to {room}",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            file = Path(scratch) / "tokenizer.json"
            tokeniser.backend_tokenizer.save(str(file))
            return Tokeniser(file, max_tokens)
    except OSError as error:
        raise StorageError(
            f"cannot write into the training folder: {error}", place=str(folder), legal="a folder that can be written"
        ) from error


def _key(frame: pd.DataFrame, settings: TrainingSettings, labels: LabelSettings, source: Path) -> str:
    """Digest of everything that decides the weights; the number of threads does not."""
    used = frame[frame["split"].isin(["train", "valid"])]
    digest = hashlib.sha256()
    for part in (settings.model_dump_json(exclude={"threads"}), labels.model_dump_json(), torch.__version__):
        digest.update(part.encode() + b"\0")
    for column in ("text", "label", "split"):
        for value in used[column]:
            digest.update(str(value).encode("utf-8", "surrogatepass") + b"\0")
    for file in sorted(source.glob("*.safetensors")):
        with file.open("rb") as weights:
            digest.update(hashlib.file_digest(weights, "sha256").digest())
    return digest.hexdigest()


def _validation_order(valid: Rows, settings: TrainingSettings) -> list[int]:
    """The order in which validation batches see the rows."""
    return [row for batch in sorted_batches(valid.lengths, settings.batch_size) for row in batch]


def _put(network: Network, weights: dict[str, Tensor]) -> None:
    """Copy these weights into the network; what is not among them stays."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in weights:
                parameter.copy_(weights[name])


def _fold(network: Network, calibration: Calibration) -> None:
    """Fold the calibration into the head: `sigmoid(logit)` is the probability, and shares stay additive."""
    with torch.no_grad():
        network.weight.mul_(calibration.slope)
        network.bias.mul_(calibration.slope).add_(calibration.shift)
