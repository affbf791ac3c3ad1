"""Runs that outlive a command: found again by their tags, added to by later commands."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from homologate.tracking._faults import translated
from homologate.tracking._run import StepRun
from homologate.tracking._tracker import RUN_VARIABLE, Tracker

if TYPE_CHECKING:
    from mlflow.entities import Run

__all__ = ["runs_with", "standing_run", "under"]


def runs_with(tracker: Tracker, tags: Mapping[str, str], most: int = 1000) -> list[Run]:
    """The finished runs of the tracker's experiment that carry all these tags, newest first."""
    told = " and ".join(f"tags.`{name}` = '{_quoted(value)}'" for name, value in tags.items())
    with translated("search runs", uri=tracker.place.uri):
        found = tracker.client.search_runs(
            [tracker._experiment_id()],
            filter_string=f"{told} and status = 'FINISHED'",
            max_results=most,
            order_by=["attributes.start_time DESC"],
        )
    return list(found)


def standing_run(tracker: Tracker, name: str, tags: Mapping[str, str]) -> StepRun:
    """The one run that carries these tags; made, and finished at once, where there is none."""
    found = runs_with(tracker, tags, most=1)
    client: Any = tracker.client
    if found:
        return StepRun(client, found[0], tracker.place.uri)
    with translated("open a run", uri=tracker.place.uri):
        raw = client.create_run(tracker._experiment_id(), run_name=name, tags=dict(tags))
        client.set_terminated(raw.info.run_id, "FINISHED")
    return StepRun(client, raw, tracker.place.uri)


@contextmanager
def under(tracker: Tracker, standing: StepRun) -> Iterator[dict[str, str]]:
    """Inside, steps are children of a standing run, in its experiment.

    A run that `mlflow run` made for this process takes no part: MLflow marks it FAILED where the command ends with a
    code of its own, and what was measured is none the worse for it. It keeps a note of where the results are.

    Yields:
        Tags for that run, to be filled.
    """
    launched = os.environ.pop(RUN_VARIABLE, None)
    outer, tracker.parent = tracker.parent, standing.id
    noted = {"mlflow.note.content": f"The results are children of run {standing.id}."}
    try:
        yield noted
    finally:
        tracker.parent = outer
        if launched:
            with translated("note where the results are", uri=tracker.place.uri):
                for name, value in noted.items():
                    tracker.client.set_tag(launched, name, value)


def _quoted(value: str) -> str:
    return value.replace("'", "\\'")
