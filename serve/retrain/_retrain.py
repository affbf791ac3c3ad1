"""One retraining: reviewed feedback, the whole lifecycle, a comparison, a request that people decide."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from homologate.collection import Reading, feedback, recent_of
from homologate.errors import DataError
from homologate.pipeline import run_all
from homologate.settings import TrainingSettings
from homologate.steps.context import Context
from serve.feedback import directory_of
from serve.retrain._cause import Cause
from serve.retrain._comparison import compare_versions, outcomes
from serve.retrain._gate import Gate
from serve.retrain._history import CAUSE_TAG, REQUEST_TAG, STEP, before, may_go_on, may_start
from serve.retrain._material import EXCLUDED, Material, Row, gather, suspicious, told, write
from serve.retrain._page import page, reason
from serve.retrain._slices import must_be_labelled, slices_of

__all__ = ["retrain"]


def retrain(context: Context, cause: Cause, chosen: TrainingSettings, *, stage: str | None = None) -> dict[str, Any]:
    """Train on the old rows and reviewed feedback, and file a request for the version that comes of it.

    The run carries the cause; its children are the steps of the lifecycle, reused where a killed retraining had
    finished them. Nothing is promoted: the request waits for people. Where the new version is no better on the held-out
    feedback (of a drift: on what drifted), or worse anywhere else, no request is filed, and the run says so.

    Args:
        context: settings, tracker, voice.
        cause: why.
        chosen: how to train.
        stage: where to ask for; None means as the settings.

    Returns:
        Facts: `run_id`, `cause`, `material`, `model`, `version`, `comparison`, `request` (as the gate answers, or
        None) and `because` (why there is none).

    Raises:
        DataError: too little reviewed feedback, or none on what drifted.
        RefusedError: the cause had its retraining, another runs or waits, or it is too soon.
        StorageError, TrackingError: a store or a server does not answer.
    """
    settings, gate = context.settings, Gate(context.tracker.place.uri)
    may_start(cause.id, before(context), gate, settings.retraining, datetime.now(UTC))
    material = _material(context)
    must_be_labelled(cause, material)
    champion = directory_of(settings, cause.version)
    params = {"model": settings.model, "cause": cause.kind, "champion": cause.version, "preset": settings.preset}
    with context.tracker.step(STEP, params=params) as run:
        may_go_on(run.id, before(context))
        run.tags({CAUSE_TAG: cause.id, "homologate.reason": cause.says, **cause.tags})
        corrections = Path(settings.home) / "retrain" / f"{cause.id}.csv"
        corrections.parent.mkdir(parents=True, exist_ok=True)
        write(material.train, corrections)
        learnt = settings.data.model_copy(update={"corrections": str(corrections)})
        outcomes = run_all(Context(settings.model_copy(update={"data": learnt}), context.tracker, context.say), chosen)
        version = str(outcomes["register"].facts["version"])
        tested = context.rows(outcomes["prepare"].run_id).query("split == 'test'")
        made = context.tracker.fetch(outcomes["export"].run_id, "model")
        facts: dict[str, Any] = {
            "schema": 1,
            "kind": "retraining",
            "run_id": run.id,
            "cause": {"id": cause.id, "kind": cause.kind, "says": cause.says, "facts": cause.facts},
            "material": told(material),
            "model": settings.model,
            "version": version,
            "champion": cause.version,
            "comparison": compare_versions(champion, made, slices_of(cause, material, tested), settings),
        }
        run.json(facts, "retrain/retrain.json")
        run.text(page(facts), "retrain/retrain.html")
        run.metrics(_metrics(facts["comparison"]))
        facts |= _ask(gate, facts, stage or settings.retraining.stage)
        if facts["request"]:
            run.tags({REQUEST_TAG: str(facts["request"]["request"]["id"])})
        run.tags({"homologate.version": version, "homologate.outcome": facts["because"]})
    return facts


def _material(context: Context) -> Material:
    """The reviewed feedback, less what the noise check doubts.

    Raises:
        DataError: too little of it.
    """
    settings = context.settings
    store = recent_of(settings)
    found = gather(feedback(store, settings.model), Reading(store, settings.model), settings.retraining.held_out_share)
    _set_doubted_aside(found, context)
    usable = len(found.train) + len(found.held_out)
    if usable < settings.retraining.least_corrections or not found.train:
        left_out = "; ".join(f"{count} {EXCLUDED[reason]}" for reason, count in found.excluded.items() if count)
        raise DataError(
            f"{usable} reviewed corrections and labels are too few to learn from"
            + (f" (left out: {left_out})" if left_out else ""),
            place=str(store),
            legal=f"at least {settings.retraining.least_corrections} (retraining.least_corrections)",
            next_command="homologate queue  # what to label next; feedback --list says what waits for a review",
        )
    context.say(f"{len(found.train)} reviewed texts to learn from, {len(found.held_out)} held out")
    return found


def _set_doubted_aside(found: Material, context: Context) -> None:
    from homologate.dataset import read_rows

    old = read_rows(context.settings.data)
    doubted = suspicious(old, [*found.train, *found.held_out], context.settings.data.labels)
    ids = {row.id for row in doubted}
    found.suspicious, found.excluded["suspicious"] = doubted, len(doubted)
    found.train, found.held_out = _without(found.train, ids), _without(found.held_out, ids)
    for row in doubted:
        context.say(f"set aside, its label is doubtful: {row.id} ({row.label})")


def _without(rows: list[Row], ids: set[str]) -> list[Row]:
    return [row for row in rows if row.id not in ids]


def _ask(gate: Gate, facts: Mapping[str, Any], stage: str) -> dict[str, Any]:
    for name, outcome in outcomes(facts["comparison"]).items():
        if outcome in {"worse", "no better"}:
            return {"request": None, "because": f"no request: it is {outcome} on {name}"}
    answer = gate.request(facts["model"], facts["version"], stage, reason(facts))
    return {"request": answer, "because": f"request {answer['request']['id']} waits for people"}


def _metrics(comparison: Mapping[str, Any]) -> dict[str, float]:
    return {
        f"{name.replace(' ', '_').replace('-', '_')}_{side}_{metric}": float(value["value"])
        for name, found in comparison.items()
        for side in ("old", "new")
        for metric, value in found.get(side, {}).items()
        if value["value"] is not None
    }
