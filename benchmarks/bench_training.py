"""Training against its arithmetic: a step, and the loop around it.

    a full fine-tuning step      at most 3.6 × the forward pass on the same batch (3 is the arithmetic limit)
    Lightning and MLflow         at most 1.1 × a bare PyTorch loop over the same batches and the same validation

Both sides are measured in turn in one run, and the best round of each counts. MLflow is a real server on SQLite. About
two minutes on two quiet cores. What the presets cost and reach is bench_quality's.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

from homologate.classifier._batches import Batch, Rows, loader, plan, sorted_batches
from homologate.classifier._callbacks import weights_of
from homologate.classifier._checkpoint import Checkpoint, Progress
from homologate.classifier._encoder import encoder_directory, load_encoder
from homologate.classifier._fit import fit, using_threads
from homologate.classifier._module import groups_of
from homologate.classifier._network import Network
from homologate.classifier._rows import rows_of
from homologate.classifier._run import Run
from homologate.dataset import generate, split_rows
from homologate.local import Services, program
from homologate.scorer import Tokeniser
from homologate.settings import (
    LabelSettings,
    SplitSettings,
    SyntheticSettings,
    TrainingSettings,
)
from homologate.tracking import Place, Tracker

STEP, LOOP = 3.6, 1.1
SETTINGS = TrainingSettings(epochs=1, validations_per_epoch=1)
LABELS = LabelSettings()
ROUNDS = 3


def main() -> int:
    """Measure both and print a line for each."""
    frame = split_rows(generate(SyntheticSettings(rows=900), LABELS, seed=1), SplitSettings())
    source = encoder_directory("minilm")
    tokeniser = Tokeniser(source / "tokenizer.json", SETTINGS.max_tokens)
    rows, valid, _ = rows_of(frame, tokeniser, SETTINGS, LABELS)
    few, few_valid = cut(rows, 480), cut(valid, 96)
    with tempfile.TemporaryDirectory() as home, mlflow_server(Path(home)) as tracker, using_threads(0):
        met = [
            told("full fine-tuning step / forward pass", step_ratio(few), STEP),
            told("Lightning and MLflow / bare PyTorch loop", loop_ratio(few, few_valid, tracker, Path(home)), LOOP),
        ]
    return 0 if all(met) else 1


def told(what: str, ratio: float, threshold: float) -> bool:
    """Print one line of the table; return whether the threshold is met."""
    met = ratio <= threshold
    print(f"{what} | {ratio:.2f} × | at most {threshold} × | {'ok' if met else 'FAIL'}", flush=True)
    return met


def seconds(work: Callable[[], Any]) -> float:
    """Wall time of one call, in seconds."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def step_ratio(rows: Rows) -> float:
    """Forward, loss, backward, clipping and AdamW, over the forward pass alone, batch by batch."""
    network = fresh().train()
    optimizer = torch.optim.AdamW(groups_of(network, SETTINGS), fused=True)
    batches = list(loader(rows, plan(rows.lengths, SETTINGS.batch_size, 1, 0)[:8]))
    forward, whole = [float("inf")] * len(batches), [float("inf")] * len(batches)
    for _ in range(ROUNDS + 1):  # the first round warms up
        for place, batch in enumerate(batches):
            with torch.no_grad():
                forward[place] = min(forward[place], seconds(partial(network, batch.inputs, batch.mask)))
            whole[place] = min(whole[place], seconds(partial(bare_step, network, optimizer, batch)))
    return sum(whole) / sum(forward)


def bare_step(network: Network, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    """One optimiser step as plain PyTorch writes it."""
    logits, _ = network(batch.inputs, batch.mask)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.targets, batch.weights)
    loss.backward()
    torch.nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
    optimizer.step()
    optimizer.zero_grad()


def loop_ratio(rows: Rows, valid: Rows, tracker: Tracker, home: Path) -> float:
    """Our `fit` (Lightning, curves to MLflow, checkpoint) over a bare loop: the same batches, the same validation."""
    batches = plan(rows.lengths, SETTINGS.batch_size, 1, SETTINGS.seed)
    held_out = sorted_batches(valid.lengths, SETTINGS.batch_size)

    def bare() -> None:
        network = networks.pop().train()
        optimizer = torch.optim.AdamW(groups_of(network, SETTINGS), fused=True)
        for batch in loader(rows, batches):
            bare_step(network, optimizer, batch)
        with torch.no_grad():
            for batch in loader(valid, held_out):
                network.eval()(batch.inputs, batch.mask)

    def ours(run: Run) -> None:
        network = networks.pop()
        fit(network, rows, valid, SETTINGS, start(network), Checkpoint(home / "checkpoint.pt", "bench"), run)

    networks: list[Network] = []
    plain, whole = float("inf"), float("inf")
    for _ in range(ROUNDS):
        networks += [fresh(), fresh()]
        plain = min(plain, seconds(bare))
        with tracker.step("bench") as run:
            whole = min(whole, seconds(lambda: ours(run)))
    return whole / plain


def fresh() -> Network:
    """MiniLM with an untrained head."""
    encoder = load_encoder(encoder_directory("minilm"))
    return Network(encoder, encoder.config.hidden_size)


def start(network: Network) -> Progress:
    """A training that has not taken a step."""
    before = {"step": 0, "loss": 9.0, "average_precision": 0.0, "roc_auc": 0.5, "f1": 0.0}
    weights = weights_of(network)
    return Progress(0, weights, {}, torch.get_rng_state(), 0, weights, torch.empty(0), 0, [before])


def cut(rows: Rows, count: int) -> Rows:
    """The first rows."""
    return Rows(rows.inputs[:count], rows.targets[:count], rows.weights[:count])


@contextlib.contextmanager
def mlflow_server(home: Path) -> Iterator[Tracker]:
    """A tracker on a real MLflow server on SQLite."""
    services = Services(home)

    def command(port: int) -> list[str]:
        store = ["--backend-store-uri", f"sqlite:///{home}/mlflow.db", "--artifacts-destination", f"{home}/artifacts"]
        return [program("mlflow"), "server", *store, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]

    service = services.start("mlflow", command, about="bench", port=5390, ready="/health", say=lambda _: None)
    try:
        yield Tracker(Place(service.url, "server"), experiment="bench", home=home / "client")
    finally:
        services.stop()


if __name__ == "__main__":
    sys.exit(main())
