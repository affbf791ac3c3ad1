"""Model directory + evidence → registered version. Last, idempotent, and never a promotion.

The comparison with the champion and the cards are made here, because only here everything they speak of is at hand.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homologate.errors import DataError
from homologate.steps.champion import COMPARED_TAG, champion_of, compared_with
from homologate.steps.context import Context, Outcome, key_of
from homologate.tracking._faults import translated

__all__ = ["key", "register", "still_registered"]

ROOMS = ("attest", "evidence", "steps/register.py", "steps/dossier.py", "steps/champion.py")
BUNDLE = {
    "export": ("data", "manifest", "parity", "training"),
    "evaluate": ("evaluation",),
    "explain": ("explanation",),
}
"""Which run of the three holds which kinds of evidence."""
IDENTITY = ("homologate.evaluate_run", "homologate.explain_run", COMPARED_TAG)
"""Tags by which a version of the same bytes is known to rest on the same evidence."""


def key(context: Context, keys: Mapping[str, str], digest: str) -> str:
    """Changes when what is registered would: the runs behind it, the code, or the champion it is compared with.

    Args:
        context: settings, tracker.
        keys: keys of the export, the evaluate and the explain step.
        digest: digest of the model directory.
    """
    against = compared_with(champion_of(context), digest)
    return key_of("register", *ROOMS, model=context.settings.model, champion=against, **keys)


def register(context: Context, export_run: str, evaluate_run: str, explain_run: str) -> Outcome:
    """Gather the evidence into one verified bundle and register the model directory as a version.

    The bundle, with the comparison and the cards, is stored as `evidence/` of this run, whose id the version carries;
    the version's source is the `model/` artifact of the export run. Registering the same bytes with the same evidence
    against the same champion again gives the version that exists.

    Raises:
        DataError: a run is of another step or did not finish, or the three are about different bytes.
        RefusedError: the evidence does not verify.
        TrackingError: the registry refuses.
    """
    from homologate.attest import load_trusted_keys, verify_bundle
    from homologate.steps.dossier import complete

    runs = {"export": export_run, "evaluate": evaluate_run, "explain": explain_run}
    tags = {step: context.tracker.run(run_id, step=step).data.tags for step, run_id in runs.items()}
    digests = {step: tags[step].get("homologate.digest", "none") for step in runs}
    if len(set(digests.values())) != 1:
        raise DataError(
            "the runs are about different bytes: " + ", ".join(f"{step} {digest}" for step, digest in digests.items()),
            legal="an evaluate and an explain run of that very export run",
            next_command=f"homologate evaluate --export-run {export_run}",
        )
    name, digest = context.settings.model, digests["export"]
    keys = {step: tags[step].get("homologate.key", run_id) for step, run_id in runs.items()}
    step_key = key(context, keys, digest)
    champion = champion_of(context)
    against = compared_with(champion, digest)
    inputs = {f"{step}_run": run_id for step, run_id in runs.items()}
    with (
        context.tracker.step("register", params={"model": name}, inputs=inputs, key=step_key) as run,
        tempfile.TemporaryDirectory() as scratch,
    ):
        bundle, model = _gather(context, runs, Path(scratch) / "evidence"), context.tracker.fetch(export_run, "model")
        complete(context, run.id, digest, bundle, model, tags["export"]["homologate.input.data_run"], champion)
        report = verify_bundle(model, bundle, load_trusted_keys(context.home), expected_digest=digest)
        report.require()
        run.folder(bundle, "evidence")
        run.json(report.facts(), "verification/verification.json")
        about = {
            "homologate.digest": digest,
            "homologate.evidence_run": run.id,
            COMPARED_TAG: against,
            "homologate.data_fingerprint": tags["export"].get("homologate.data_fingerprint", ""),
            **{f"homologate.{name}": run_id for name, run_id in inputs.items()},
        }
        version = _create(context, name, export_run, {k: v for k, v in about.items() if v})
        run.tags({"homologate.digest": digest, "homologate.version": version})
    return Outcome(run.id, {"model": name, "version": version, "digest": digest})


def still_registered(context: Context, register_run: str) -> bool:
    """Whether the version a finished register run made is still in the registry."""
    from mlflow.exceptions import MlflowException

    raw = context.tracker.run(register_run, step="register").data
    try:
        context.tracker.client.get_model_version(raw.params["model"], raw.tags["homologate.version"])
    except MlflowException:
        return False
    return True


def _gather(context: Context, runs: dict[str, str], bundle: Path) -> Path:
    for step, kinds in BUNDLE.items():
        for kind in kinds:
            shutil.copytree(context.tracker.fetch(runs[step], kind), bundle / kind)
    return bundle


def _create(context: Context, name: str, export_run: str, about: dict[str, str]) -> str:
    """The version of these bytes: the one that exists, or a new one; never two."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

    client: Any = context.tracker.client
    with translated(f"register a version of {name!r}", uri=context.tracker.place.uri):
        try:
            client.create_registered_model(name, description=_description(context))
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_ALREADY_EXISTS):
                raise
        source = f"{client.get_run(export_run).info.artifact_uri}/model"
        for known in client.search_model_versions(f"name = '{name}' and run_id = '{export_run}'"):
            if all(known.tags.get(tag, "") == about.get(tag, "") for tag in IDENTITY):
                return str(known.version)
        made = client.create_model_version(name, source, run_id=export_run, tags=about, description="")
        return str(made.version)


def _description(context: Context) -> str:
    labels = context.settings.data.labels
    return (
        f"Judges a component description `{labels.negative}` or `{labels.positive}`. Every version carries its digest "
        "and the run of its evidence as tags; open that run's `evidence/` for the reports."
    )
