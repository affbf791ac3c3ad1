"""Classifier → model directory: ONNX in fp32 and int8, proved against torch on the whole test set, named and signed.

From here on nothing knows torch: the directory made here is what is judged, registered, served and shipped.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.scoring import open_scorer
from homologate.steps.context import Context, Outcome, key_of
from homologate.steps.evidence import file_report, file_statement

if TYPE_CHECKING:
    import pandas as pd

    from homologate.tracking import StepRun

__all__ = ["export", "key"]

ROOMS = ("classifier", "scorer", "attest", "evidence", "model_directory.py", "reference", "steps/export.py")
EXAMPLES = 4


def key(train_key: str, precision: str) -> str:
    """Changes when the directory or its parity report would."""
    return key_of("export", *ROOMS, train=train_key, precision=precision)


def export(context: Context, train_run: str) -> Outcome:
    """Make the model directory of a trained classifier; store it as `model/`, the parity report beside it.

    Raises:
        DataError: `train_run` is not a finished train run.
        ModelError: the exported graph does not answer as the classifier did.
    """
    from homologate.attest import digest_of, manifest_of, manifest_predicate
    from homologate.classifier import export as to_onnx
    from homologate.classifier import parity
    from homologate.evidence import render

    trained = context.tracker.run(train_run, step="train")
    data_run = trained.data.tags["homologate.input.data_run"]
    frame = context.rows(data_run)
    inputs = {"train_run": train_run, "data_run": data_run}
    step_key = key(trained.data.tags.get("homologate.key", train_run), context.settings.scoring.precision)
    with (
        context.tracker.step("export", inputs=inputs, key=step_key) as run,
        tempfile.TemporaryDirectory(dir=_scratch(context)) as scratch,
    ):
        classifier = context.tracker.fetch(train_run, "classifier")
        onnx, model = Path(scratch) / "onnx", Path(scratch) / "model"
        context.say("exporting to ONNX, fp32 and int8")
        to_onnx(classifier, onnx)
        context.say("comparing torch, fp32 and int8 on the whole test set")
        facts = parity(classifier, onnx, frame[frame["split"] == "test"])
        _build(context, run, frame, onnx, model, trained.data.tags["homologate.data_fingerprint"], train_run)
        digest = digest_of(model)
        facts = {**facts, "subject": {"digest": digest}}
        run.tags({"homologate.digest": digest})
        run.metrics(_metrics(facts))
        run.folder(model, "model")
        file_report(context, run, digest, facts, render(facts))
        file_statement(context, run, "manifest", digest, manifest_predicate(manifest_of(model)))
        file_statement(context, run, "training", digest, _training(trained, data_run))
        _state_data(context, run, digest, data_run)
    return Outcome(run.id, {"digest": digest, "verdict": facts["verdict"]})


def _build(
    context: Context, run: StepRun, frame: pd.DataFrame, onnx: Path, model: Path, fingerprint: str, train_run: str
) -> None:
    from homologate.attest import SBOM_FILE, sbom_of
    from homologate.model_directory import build
    from homologate.reference import profile_of

    valid = frame[frame["split"] == "valid"]
    context.say("profiling the held-out texts, which drift will be measured against")
    reference = profile_of(frame, open_scorer(onnx)).files()
    # Two examples of each label: the golden probe of every server should see both verdicts.
    chosen = [text for _, rows in valid.groupby("label", sort=True) for text in rows["text"].head(EXAMPLES // 2)]
    metadata = {"data_fingerprint": fingerprint, "train_run": train_run, "export_run": run.id}
    build(onnx, model, reference=reference, texts=chosen, run_id=run.id, metadata=metadata)
    sbom = sbom_of(model, name=context.settings.model, version=train_run)
    (model / SBOM_FILE).write_text(sbom, encoding="utf-8")


def _metrics(facts: dict[str, Any]) -> dict[str, float]:
    """The figures of the parity report that are numbers at its top two levels."""
    flat: dict[str, float] = {}
    for name, value in facts.items():
        if isinstance(value, int | float) and not isinstance(value, bool) and name != "schema":
            flat[f"parity_{name}"] = value
        elif isinstance(value, dict):
            flat |= {
                f"parity_{name}_{inner}": number
                for inner, number in value.items()
                if isinstance(number, int | float) and not isinstance(number, bool)
            }
    return flat


def _training(trained: Any, data_run: str) -> dict[str, Any]:
    from homologate.attest import training_predicate
    from homologate.tracking import Provenance

    tags, params = trained.data.tags, trained.data.params
    made_from = Provenance(
        commit=tags["mlflow.source.git.commit"],
        dirty=tags["homologate.dirty"] == "true",
        lock_digest=tags["homologate.lock_digest"],
        python=tags["homologate.python"],
        platform=tags["homologate.platform"],
        host=tags["homologate.host"],
        cores=int(tags["homologate.cores"]),
        cpu=tags.get("homologate.cpu", "unknown"),
    )
    return training_predicate(
        run_id=trained.info.run_id,
        made_from=made_from,
        data_fingerprint=tags["homologate.data_fingerprint"],
        data_run_id=data_run,
        parameters=params,
        seeds={"training": int(params["seed"])},
        started_at=datetime.fromtimestamp(trained.info.start_time / 1000, UTC),
        finished_at=datetime.fromtimestamp(trained.info.end_time / 1000, UTC),
    )


def _state_data(context: Context, run: StepRun, digest: str, data_run: str) -> None:
    """State about this model which rows it was made from; the report itself was written by the prepare run."""
    import json

    from homologate.attest import report_predicate

    raw = context.tracker.fetch(data_run, "data/data.json").read_bytes()
    facts = json.loads(raw)
    run.text(raw.decode("utf-8"), "data/data.json")
    predicate = report_predicate(
        verdict=facts["verdict"],
        run_id=data_run,
        measured_at=datetime.now(UTC),
        reports={"data/data.json": raw},
        fingerprint=facts["fingerprint"],
        rows=facts["rows"],
        source=facts["source"],
    )
    file_statement(context, run, "data", digest, predicate)


def _scratch(context: Context) -> Path:
    folder = context.home / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
