"""A registered version → the same training again, from its signed provenance, and whether the result holds.

Rows, parameters, seeds and code come from what the version's statements say, not from today's settings. What cannot be
as it was (changes never committed, another lock, another machine) is said. It holds in one of two ways: the files that
decide are the same bytes, or every metric on the stored test items is within a stated tolerance of what was signed.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from homologate.errors import DataError, RefusedError
from homologate.steps.champion import fetched
from homologate.steps.context import Clock, Context, Outcome
from homologate.steps.past_code import PastCode, code_of
from homologate.tracking import Provenance, provenance

if TYPE_CHECKING:
    from homologate.evidence import Items

__all__ = ["DECIDES", "METRICS", "differences", "judged", "reproduce"]

DECIDES = ("model.onnx", "model.int8.onnx", "tokenizer.json", "scorer.json")
"""The files of a model directory that decide an answer; the others name runs and moments."""
METRICS = ("accuracy", "recall", "precision", "false_stop_rate", "average_precision")


def reproduce(context: Context, version: Any, tolerance: float) -> Outcome:
    """Train and export again as the provenance of a registered version says, and compare.

    Args:
        context: settings, tracker, voice.
        version: the registry's version.
        tolerance: how far a metric may differ, in its own unit (0.02 is two points).

    Returns:
        The outcome, whose facts are stored as `reproduction/reproduction.json` of its run: `holds`, `verdict`, `code`,
        `differs` (what is not as it was), `files` and `metrics`.

    Raises:
        RefusedError: the version's evidence does not verify, so its provenance is nobody's word.
        DataError: the stored rows are not those it was trained on.
        StorageError: something it was made from is gone.
        HomologateError: the training itself failed; its message is above.
    """
    from homologate.dataset import fingerprint

    clock, original = Clock(), fetched(context, version)
    told = original.reports.get("training")
    if told is None:
        raise RefusedError(
            "no training statement can be believed", next_command=f"homologate evidence verify {version.version}"
        )
    found = fingerprint(original.frame)
    if found != told["data"]["fingerprint"]:
        raise DataError(f"the stored rows are {found}, it was trained on {told['data']['fingerprint']}")
    context.say(f"{len(original.frame)} rows are those it was trained on")
    now, scratch = provenance(), context.home / "work"
    scratch.mkdir(parents=True, exist_ok=True)
    with code_of(told["source"]["commit"], told["source"]["dirty"], now, scratch.resolve()) as code:
        context.say(f"code: {code.note}")
        export_run = _again(context, original.evaluation, told, code)
    again = context.tracker.fetch(export_run, "model")
    facts = {
        "schema": 1,
        "kind": "reproduction",
        "subject": {"digest": version.tags["homologate.digest"]},
        "version": str(version.version),
        "code": {"exact": code.exact, "note": code.note},
        "differs": differences(told, now, code),
        **judged(original, again, context, tolerance),
        "export_run": export_run,
        "seconds": round(clock.seconds, 1),
    }
    inputs = {"export_run": version.run_id, "reproduced_run": export_run}
    with context.tracker.step("reproduce", params={"tolerance": tolerance}, inputs=inputs) as run:
        run.tags(
            {"homologate.digest": version.tags["homologate.digest"], "homologate.holds": str(facts["holds"]).lower()}
        )
        run.json(facts, "reproduction/reproduction.json")
    return Outcome(run.id, facts, seconds=clock.seconds)


def differences(told: Mapping[str, Any], now: Provenance, code: PastCode) -> list[dict[str, str]]:
    """What is not as it was: `{"what", "then", "now"}`, nothing where all is.

    Args:
        told: the predicate of the training statement.
        now: this process.
        code: the tree that was run.
    """
    host = told["host"]
    pairs = {
        "lock of the environment": (told["lock"]["digest"] or "unknown", now.lock_digest),
        "Python": (host["python"], now.python),
        "platform": (host["platform"], now.platform),
        "processor": (host.get("cpu", "unknown"), now.cpu),
        "processors": (str(host["cpus"]), str(now.cores)),
    }
    found = [{"what": what, "then": then, "now": today} for what, (then, today) in pairs.items() if then != today]
    if told["source"]["dirty"]:
        found.insert(0, {"what": "code", "then": "changes that were never committed", "now": code.note})
    elif not code.exact:
        found.insert(0, {"what": "code", "then": f"commit {told['source']['commit']}", "now": code.note})
    return found


def judged(original: Any, again: Path, context: Context, tolerance: float) -> dict[str, Any]:
    """Whether it holds: the deciding files by digest, then the metrics on the stored items."""
    from homologate.attest import manifest_of
    from homologate.evidence import compare_items, read_items

    before, after = manifest_of(original.directory), manifest_of(again)
    same = [name for name in DECIDES if before.get(name) == after.get(name)]
    known = read_items(original.evaluation)
    context.say(f"scoring {len(known.ids)} stored test items")
    scored = _scored(known, original, again)
    change = compare_items(scored, known)["difference"]
    metrics = {name: change[name]["value"] for name in METRICS}
    beyond = [name for name, value in metrics.items() if value is not None and abs(value) > tolerance]
    identical, flips = len(same) == len(DECIDES), int(np.sum(scored.stopped != known.stopped))
    if identical:
        verdict = "The same bytes again: every file that decides an answer is identical."
    elif not beyond:
        verdict = f"Not the same bytes, but it holds: every metric is within {tolerance:g}, {flips} verdicts differ."
    else:
        far = ", ".join(f"{name} {metrics[name]:+.3f}" for name in beyond)
        verdict = f"It does not hold: beyond {tolerance:g} are {far}; {flips} of {len(known.ids)} verdicts differ."
    return {
        "holds": identical or not beyond,
        "verdict": verdict,
        "tolerance": tolerance,
        "files": {"same": same, "other": [name for name in DECIDES if name not in same]},
        "metrics": metrics,
        "items": len(known.ids),
        "flips": flips,
        "largest_difference": round(float(np.abs(scored.probability - known.probability).max()), 7),
    }


def _scored(known: Items, original: Any, again: Path) -> Items:
    from dataclasses import replace

    from homologate.scoring import faults_as_errors, open_scorer

    texts = original.frame.set_index("id")["text"]
    scorer = open_scorer(again, str(original.evaluation["served"]))
    with faults_as_errors():
        answers = scorer.probabilities([str(texts[name]) for name in known.ids.tolist()])
    return replace(known, probability=np.asarray(answers, dtype=np.float64), threshold=float(scorer.threshold))


def _again(context: Context, evaluation: Mapping[str, Any], told: Mapping[str, Any], code: PastCode) -> str:
    """Train and export with that code, in an experiment of its own; the id of the export run."""
    settings = context.settings
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "homologate.yaml"
        wanted = {
            "model": settings.model,
            "experiment": f"{context.tracker.experiment}-reproductions",
            "home": str(context.home.resolve()),
            "data": {"labels": dict(evaluation["labels"])},
            **_parameters(told["parameters"]),
            "scoring": {"precision": evaluation["served"]},
        }
        file.write_text(json.dumps(wanted), encoding="utf-8")  # JSON is YAML

        def call(*words: str) -> str:
            return _homologate(context, code, *words, "--settings", str(file))

        train_run = call("train", "--data-run", str(told["data"]["run_id"]))
        return call("export", "--train-run", train_run)


def _parameters(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The training settings and costs a run recorded, each in its own type, and the threads it really used."""
    from homologate.settings import CostSettings, TrainingSettings

    plain = {name: _value(str(value)) for name, value in recorded.items()}
    training = {name: value for name, value in plain.items() if name in TrainingSettings.model_fields}
    training["threads"] = plain.get("threads_used", training.get("threads", 0))
    costs = {name: float(plain[f"costs.{name}"]) for name in CostSettings.model_fields if f"costs.{name}" in plain}
    return {"training": training, "costs": costs}


def _value(word: str) -> Any:
    try:
        return ast.literal_eval(word)
    except (SyntaxError, ValueError):
        return word


def _homologate(context: Context, code: PastCode, *words: str) -> str:
    """Run one command of that code on the same server; the id of the run it opened. Progress goes to our stderr."""
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_RUN_ID"}
    environment |= {
        "PYTHONPATH": os.pathsep.join([str(code.folder / "src"), str(code.folder)]),
        "MLFLOW_TRACKING_URI": context.tracker.place.uri,
    }
    # -P: the folder this runs in stays what relative stores mean, and is not where code comes from.
    command = [sys.executable, "-P", "-m", "homologate", *words, "--json"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 (our own program)
    if done.returncode:
        raise DataError(
            f"homologate {words[0]} of that code ended with {done.returncode}; its message is above",
            place=code.note,
        )
    return str(json.loads(done.stdout)["run_id"])
