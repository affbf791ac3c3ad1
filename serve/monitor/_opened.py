"""From settings to a monitor of the serving version."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

from homologate.collection import recent_of
from homologate.errors import HomologateError
from homologate.settings import Settings
from homologate.steps.context import Context
from homologate.tracking import Tracker
from homologate.versions import locate, parse_reference
from serve.monitor._watch import Monitor

__all__ = ["experiment_of", "open_monitor", "open_tracker"]


def experiment_of(model: str) -> str:
    """The name of a model's monitoring experiment."""
    return f"{model}-monitoring"


def open_tracker(settings: Settings, model: str | None = None) -> Tracker:
    """A tracker in the monitoring experiment of a model, default the settings' own.

    Raises:
        TrackingError: nothing answers.
    """
    return _context(settings, model or settings.model).tracker


def open_monitor(settings: Settings, reference: str | None = None) -> Monitor:
    """A monitor of the version a reference means now, default the one in Production.

    Raises:
        ModelError: there is no such version, or it carries no profile of this schema.
        RefusedError: its bytes are not those that were registered.
        TrackingError: nothing answers.
    """
    import os

    found = parse_reference(reference or f"models:/{settings.model}/Production")
    context = _context(settings, settings.model)
    # The registry is the one the runs are written to, also where `homologate up` started it.
    os.environ.setdefault("MLFLOW_TRACKING_URI", context.tracker.place.uri)
    located = locate(found, Path(settings.home))
    if located.name != settings.model:
        context = _context(settings, located.name)
    return Monitor(
        context.tracker,
        located,
        recent_of(settings),
        settings.monitoring,
        old_texts=functools.cache(lambda: _old_texts(context, located.directory)),
        say=context.say,
    )


def _context(settings: Settings, model: str) -> Context:
    return Context.open(settings.model_copy(update={"experiment": experiment_of(model)}))


def _old_texts(context: Context, directory: Path) -> Mapping[str, str]:
    """The texts of the rows the version was made from, where its runs are at hand; the report does without them."""
    import yaml

    try:
        metadata = yaml.safe_load((directory / "MLmodel").read_text(encoding="utf-8"))["metadata"]
        tags = context.tracker.run(metadata["export_run"], step="export").data.tags
        rows = context.rows(tags["homologate.input.data_run"])
    except (HomologateError, OSError, KeyError, TypeError) as error:
        context.say(f"the old texts are not at hand, neighbours are told by id: {error}")
        return {}
    return dict(zip(rows["id"].astype(str), rows["text"], strict=True))
