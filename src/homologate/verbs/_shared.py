"""Arguments and phrases several verbs share. Nothing but the standard library may be imported at the top."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from homologate.settings import Settings
    from homologate.steps.context import Context, Outcome
    from homologate.tracking import Tracker

__all__ = [
    "add_data",
    "add_settings",
    "add_training",
    "context_of",
    "maybe",
    "report_link",
    "settings_of",
    "shown",
    "training_of",
]

T = TypeVar("T")

# MLproject hands every parameter over, unset ones as an empty text; an empty value means "as the settings say".
DATA_FIELDS = ("source", "layout", "since", "until")
TRAINING_FIELDS = (
    "encoder",
    "epochs",
    "batch_size",
    "learning_rate",
    "head_learning_rate",
    "weight_decay",
    "seed",
    "max_train_rows",
)


def maybe(kind: Callable[[str], T]) -> Callable[[str], T | None]:
    """An argument type that takes an empty text for "not given"."""

    def read(word: str) -> T | None:
        return None if word == "" else kind(word)

    read.__name__ = getattr(kind, "__name__", "value")
    return read


def add_settings(parser: argparse.ArgumentParser) -> None:
    """`--settings FILE`."""
    parser.add_argument(
        "--settings",
        type=maybe(str),
        metavar="FILE",
        help="settings file (default: $HOMOLOGATE_SETTINGS, else homologate.yaml where it exists, else the defaults)",
    )


def add_data(parser: argparse.ArgumentParser) -> None:
    """Where rows come from."""
    parser.add_argument(
        "--source", type=maybe(str), help="`synthetic`, or a CSV (.csv, .csv.gz) or FLAT_RCL (.txt) file"
    )
    parser.add_argument("--layout", type=maybe(str), help="auto, csv, flat_rcl or synthetic")
    parser.add_argument("--since", type=maybe(str), metavar="DATE", help="keep rows dated on or after this ISO date")
    parser.add_argument("--until", type=maybe(str), metavar="DATE", help="keep rows dated before this ISO date")


def add_training(parser: argparse.ArgumentParser) -> None:
    """How the classifier is fitted."""
    parser.add_argument("--preset", type=maybe(str), help="quick (for CI) or full (the best quality tried)")
    parser.add_argument("--encoder", type=maybe(str), help="`minilm` or a Hugging Face directory")
    parser.add_argument("--epochs", type=maybe(int), help="passes over the rows; 0 stops after the linear probe")
    parser.add_argument("--batch-size", type=maybe(int))
    parser.add_argument("--learning-rate", type=maybe(float), help="of the encoder")
    parser.add_argument("--head-learning-rate", type=maybe(float), help="of the linear head")
    parser.add_argument("--weight-decay", type=maybe(float))
    parser.add_argument("--seed", type=maybe(int))
    parser.add_argument("--max-train-rows", type=maybe(int), help="train on this many rows, drawn by seed and label")


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings file with the command's data arguments on top, validated together."""
    from homologate.settings import load_settings

    given = {name: getattr(args, name, None) for name in DATA_FIELDS}
    return load_settings(args.settings, data={name: value for name, value in given.items() if value is not None})


def training_of(args: argparse.Namespace, settings: Settings) -> Any:
    """The training settings: preset, then file, then the command's arguments."""
    return settings.training_of(args.preset, **{name: getattr(args, name) for name in TRAINING_FIELDS})


def context_of(settings: Settings) -> Context:
    """Connect; imported here because it brings mlflow."""
    from homologate.steps.context import Context

    return Context.open(settings)


def shown(outcome: Outcome, context: Context) -> dict[str, Any]:
    """The facts of one step as its verb returns them."""
    return {"run_id": outcome.run_id, "tracking_uri": context.tracker.place.uri, **_public(outcome.facts)}


def _public(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in {"schema", "kind"}}


class _Tracking(Protocol):
    @property
    def tracker(self) -> Tracker: ...


def report_link(context: _Tracking, run_id: str, artifact: str) -> str:
    """Where a person opens an artifact: a page of the MLflow UI, or its path in the store where there is no UI."""
    place = context.tracker.place
    raw = context.tracker.client.get_run(run_id).info
    if place.kind == "server":
        return f"{place.uri}/#/experiments/{raw.experiment_id}/runs/{run_id}/artifacts/{artifact}"
    return f"{raw.artifact_uri}/{artifact}"
