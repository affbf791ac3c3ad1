"""The lifecycle from rows to a registered version, in order, reusing every step nothing has changed for.

A step is reused when a FINISHED run of it carries the same key: same code, same parameters, same inputs
(`homologate.steps.context.key_of`). Keys are computed from keys, so one change anywhere upstream reaches everything
below it and nothing beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from homologate.settings import TrainingSettings
from homologate.steps import judge
from homologate.steps import prepare as preparing
from homologate.steps import register as registering
from homologate.steps import train as training
from homologate.steps.context import Clock, Context, Outcome

__all__ = ["STEPS", "run_all"]

STEPS = ("prepare", "train", "export", "evaluate", "explain", "register")


def run_all(context: Context, chosen: TrainingSettings, *, fresh: bool = False) -> dict[str, Outcome]:
    """Run every step in order.

    Args:
        context: settings, tracker, voice.
        chosen: how to train.
        fresh: run every step even where nothing has changed.

    Returns:
        The outcome of each step by name, in order.
    """
    from homologate.steps import export as exporting

    settings = context.settings
    data_key = preparing.key(settings.data)
    train_key = training.key(settings, chosen, data_key)
    export_key = exporting.key(train_key, settings.scoring.precision)
    evaluate_key = judge.key("evaluate", settings, export_key)
    explain_key = judge.key("explain", settings, export_key)

    done: dict[str, Outcome] = {}

    def take(step: str, key: str, work: Callable[[], Outcome]) -> str:
        done[step] = _take(context, step, None if fresh else key, work)
        return done[step].run_id

    data = take("prepare", data_key, lambda: preparing.prepare(context))
    train = take("train", train_key, lambda: training.train(context, data, chosen))
    export = take("export", export_key, lambda: exporting.export(context, train))
    evaluation = take("evaluate", evaluate_key, lambda: judge.evaluate(context, export))
    explanation = take("explain", explain_key, lambda: judge.explain(context, export))
    keys = {"export": export_key, "evaluate": evaluate_key, "explain": explain_key}
    register_key = registering.key(context, keys, done["export"].facts["digest"])
    take("register", register_key, lambda: registering.register(context, export, evaluation, explanation))
    return done


def _take(context: Context, step: str, key: str | None, work: Callable[[], Outcome]) -> Outcome:
    place = f"[{STEPS.index(step) + 1}/{len(STEPS)}] {step:<8}"
    known = context.tracker.find(step, key) if key else None
    if known and step == "register" and not registering.still_registered(context, known):
        known = None
    if known:
        context.say(f"{place}  reused: data, code and parameters are those of run {known[:8]}")
        return Outcome(known, _remembered(context, step, known), reused=True)
    context.say(place)
    clock = Clock()
    outcome = replace(work(), seconds=clock.seconds)
    context.say(f"{place}  done in {outcome.seconds:.0f} s, run {outcome.run_id[:8]}")
    return outcome


def _remembered(context: Context, step: str, run_id: str) -> dict[str, Any]:
    """The facts of a reused run, from what it logged."""
    raw = context.tracker.run(run_id, step=step).data
    facts: dict[str, Any] = {"metrics": dict(raw.metrics)}
    if step == "register":
        facts |= {"model": raw.params["model"], "version": raw.tags["homologate.version"]}
    if "homologate.digest" in raw.tags:
        facts["digest"] = raw.tags["homologate.digest"]
    return facts
