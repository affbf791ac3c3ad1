"""What retrainings there were, and whether another may begin: once a cause, none while one waits, none too soon."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from homologate.errors import RefusedError
from homologate.settings import RetrainingSettings
from homologate.steps.context import Context
from homologate.tracking import STEP_TAG
from serve.retrain._gate import Gate

__all__ = ["CAUSE_TAG", "REQUEST_TAG", "STEP", "Before", "before", "may_go_on", "may_start"]

STEP = "retrain"
CAUSE_TAG, REQUEST_TAG = "homologate.cause", "homologate.request"
WAITING = ("open", "approved")


class Before(NamedTuple):
    """An earlier retraining."""

    run_id: str
    status: str
    cause: str
    ended: datetime | None
    request: str | None


def before(context: Context) -> list[Before]:
    """The retrainings of the settings' model, newest first, whatever experiment `mlflow run` was told."""
    client: Any = context.tracker.client
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    asked = f"tags.`{STEP_TAG}` = '{STEP}' and params.model = '{context.settings.model}'"
    runs = client.search_runs(experiments, filter_string=asked, order_by=["attributes.start_time DESC"])
    return [_before(run) for run in runs]


def may_start(cause: str, earlier: list[Before], gate: Gate, settings: RetrainingSettings, now: datetime) -> None:
    """Return where a retraining for this cause may begin.

    Args:
        cause: its id.
        earlier: newest first.
        gate: asked what became of earlier requests.
        settings: the pause.
        now: aware.

    Raises:
        RefusedError: the cause had its retraining, one is running or waits for people, or it is too soon.
    """
    fruitless = 0
    for run in earlier:
        state = gate.state(run.request) if run.request else None
        place = f"run {run.run_id}"
        if run.status == "RUNNING":
            raise _running(run)
        if run.cause == cause and run.status == "FINISHED":
            raise RefusedError(
                f"this cause had its retraining{f', request {run.request} ({state})' if run.request else ''}",
                place=place,
                legal="another cause",
                next_command=f"homologate request --show {run.request}" if run.request else "read that run's retrain/",
            )
        if state in WAITING:
            raise RefusedError(
                f"request {run.request} of an earlier retraining waits for people",
                place=place,
                next_command=f"homologate request --show {run.request}",
            )
    for run in earlier:
        if run.request and gate.state(run.request) == "promoted":
            break
        fruitless += 1
    if not earlier or earlier[0].ended is None:
        return
    pause = timedelta(days=settings.pause_days * 2 ** max(0, fruitless - 1))
    if now < earlier[0].ended + pause:
        raise RefusedError(
            f"the last retraining ended {earlier[0].ended:%Y-%m-%d %H:%M} UTC and {fruitless} in a row led nowhere",
            place=f"run {earlier[0].run_id}",
            legal=f"after {earlier[0].ended + pause:%Y-%m-%d %H:%M} UTC (retraining.pause_days, doubled each time)",
        )


def may_go_on(run_id: str, runs: list[Before]) -> None:
    """Return where no retraining that began before this one runs too: two may have asked at the same moment.

    Args:
        run_id: of the retraining that has just begun.
        runs: newest first, this one among them.

    Raises:
        RefusedError: another was first.
    """
    first = [run for run in runs if run.status == "RUNNING"][-1:]
    if first and first[0].run_id != run_id:
        raise _running(first[0])


def _running(run: Before) -> RefusedError:
    return RefusedError("a retraining is running", place=f"run {run.run_id}", next_command="wait for it")


def _before(run: Any) -> Before:
    tags: Mapping[str, str] = run.data.tags
    ended = run.info.end_time
    return Before(
        run.info.run_id,
        run.info.status,
        tags.get(CAUSE_TAG, ""),
        datetime.fromtimestamp(ended / 1000, UTC) if ended else None,
        tags.get(REQUEST_TAG),
    )
