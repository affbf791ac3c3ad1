"""The version in Production, and its answers to the test items of the version that would take its place.

Tags only say where to look: the champion's bytes are hashed again and its report counts only where a trusted key signed
it for these bytes. Where both were tested on the same items their stored answers are taken; else both are scored on
the newest items, less those that one of the two learnt from. What cannot be had is a fault with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from homologate.errors import DataError, HomologateError, ModelError
from homologate.steps.context import Context
from homologate.tracking._faults import translated

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from homologate.evidence import Items, Rival

__all__ = ["Judged", "champion_of", "compared_with", "fetched", "met", "version_of"]

LEAST_ITEMS = 30
"""With fewer items that neither version learnt from nothing is compared."""
COMPARED_TAG = "homologate.compared_with"


class Judged(NamedTuple):
    """A version whose evaluation is at hand."""

    directory: Path
    evaluation: Mapping[str, Any]
    frame: pd.DataFrame
    """The split rows it was trained and tested on."""
    reports: Mapping[str, Mapping[str, Any]] = {}
    """Every believed report by kind, and the training provenance."""


def champion_of(context: Context) -> Any:
    """The registry's version in Production, or None.

    Raises:
        TrackingError: the registry does not answer.
    """
    name = context.settings.model
    with translated(f"ask which version of {name!r} is in Production", uri=context.tracker.place.uri):
        versions = context.tracker.client.search_model_versions(f"name = '{name}'")
    return next((known for known in versions if known.current_stage == "Production"), None)


def version_of(context: Context, number: str) -> Any:
    """The registry's version of the settings' model with this number.

    Raises:
        ModelError: there is none.
        TrackingError: the registry does not answer.
    """
    from mlflow.exceptions import MlflowException

    name = context.settings.model
    with translated(f"find version {number} of {name!r}", uri=context.tracker.place.uri):
        try:
            return context.tracker.client.get_model_version(name, number)
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
            raise ModelError(
                f"no version {number!r} of {name!r}", place="the registry", next_command="homologate where"
            ) from error


def compared_with(champion: Any, digest: str) -> str:
    """The digest a version of these bytes is compared with; empty where there is none.

    A version that is itself in Production stays compared with the one it was measured against.
    """
    if champion is None:
        return ""
    known = str(champion.tags.get("homologate.digest", "unknown"))
    return str(champion.tags.get(COMPARED_TAG, "")) if known == digest else known


def met(context: Context, ours: Judged, champion: Any) -> tuple[Items, Rival | None, pd.DataFrame]:
    """The items of this version and of the champion, and their rows.

    Args:
        context: settings, tracker, voice.
        ours: the version that would take its place.
        champion: the registry's version, or None.
    """
    from homologate.evidence import Rival, read_items

    test = _test_rows(ours.frame)
    if champion is None:
        return read_items(ours.evaluation), None, test
    known = Rival(str(champion.version), str(champion.tags.get("homologate.digest", "unknown")))
    try:
        theirs = fetched(context, champion)
        return _paired(context, ours, theirs, known)
    except HomologateError as error:
        where = f" ({error.place})" if error.place else ""
        return read_items(ours.evaluation), replace(known, fault=f"{error.problem}{where}"), test


def fetched(context: Context, champion: Any) -> Judged:
    """A registered version's bytes, believed reports and rows.

    Raises:
        HomologateError: something of it is gone, changed, or not signed by a trusted key.
    """
    from homologate.attest import believed_reports, load_trusted_keys, read_evidence, verify_bundle

    evidence_run = champion.tags.get("homologate.evidence_run")
    if not evidence_run:
        raise DataError("it names no run of evidence", place=f"version {champion.version}")
    directory = context.tracker.fetch(champion.run_id, "model")
    files = read_evidence(context.tracker.fetch(evidence_run, "evidence"))
    told = champion.tags.get("homologate.digest")
    report = verify_bundle(directory, files, load_trusted_keys(context.home), expected_digest=told)
    faults = [check for check in report.faults if check.id == "digest" or "evaluation" in check.id]
    if faults:
        raise DataError(f"its evaluation does not hold: {faults[0].sentence}", place=faults[0].id)
    data_run = context.tracker.run(champion.run_id).data.tags.get("homologate.input.data_run", "")
    reports = believed_reports(report, files)
    return Judged(directory, reports["evaluation"], context.rows(data_run), reports)


def _paired(context: Context, ours: Judged, theirs: Judged, known: Rival) -> tuple[Items, Rival, pd.DataFrame]:
    from homologate.evidence import read_items

    mine, other = read_items(ours.evaluation), read_items(theirs.evaluation)
    if _same_items(mine, other):
        return mine, replace(known, items=other), _test_rows(ours.frame)
    owner, guest, whose = _newest(ours, theirs)
    rows = _test_rows(owner.frame)
    fair = rows[~_learnt(guest.frame, rows)].reset_index(drop=True)
    if len(fair) < LEAST_ITEMS:
        raise DataError(
            f"tested on other items, and of the newest {len(rows)} only {len(fair)} are new to both",
            legal=f"{LEAST_ITEMS} or more",
        )
    context.say(f"scoring {len(fair)} of the newest test texts for the comparison with version {known.version}")
    names = ("this version", f"version {known.version}")
    owns, anew = names if whose == "ours" else names[::-1]
    reason = f"The two were tested on different items; {anew} was scored anew on the newest ones, those of {owns}"
    mine, other = _items(ours, fair, context, whose == "ours"), _items(theirs, fair, context, whose == "theirs")
    return mine, replace(known, items=other, rescored=reason, left_out=len(rows) - len(fair)), fair


def _same_items(mine: Items, other: Items) -> bool:
    """Whether both were tested on the same ids with the same labels."""
    one, two = mine.ordered(), other.ordered()
    return np.array_equal(one.ids, two.ids) and np.array_equal(one.positive, two.positive)


def _newest(ours: Judged, theirs: Judged) -> tuple[Judged, Judged, str]:
    """Whose test rows reach further; this version's where nobody can tell."""
    mine, other = (str(one.evaluation["data"]["test"].get("last_date") or "") for one in (ours, theirs))
    return (theirs, ours, "theirs") if other > mine else (ours, theirs, "ours")


def _test_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["split"] == "test"].reset_index(drop=True)


def _learnt(frame: pd.DataFrame, rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Bool (n,): the rows that stand, by id or word for word, in the train or valid part of `frame`."""
    learnt = frame[frame["split"] != "test"]
    return np.asarray(rows["id"].isin(set(learnt["id"])) | rows["text"].isin(set(learnt["text"])))


def _items(judged: Judged, rows: pd.DataFrame, context: Context, stored: bool) -> Items:
    """The answers of one version to `rows`: as stored where it was tested on them, else scored now."""
    from homologate.evidence import Items, read_items
    from homologate.scoring import faults_as_errors, open_scorer

    known, positive = read_items(judged.evaluation), context.settings.data.labels.positive
    if stored:
        place = {name: index for index, name in enumerate(known.ids.tolist())}
        probability = known.probability[[place[name] for name in rows["id"]]]
    else:
        scorer = open_scorer(judged.directory, str(judged.evaluation["served"]))
        if tuple(scorer.labels) != context.settings.data.labels.words:
            raise DataError(f"the champion answers {scorer.labels!r}", legal=context.settings.data.labels.words)
        with faults_as_errors():
            probability = np.asarray(scorer.probabilities(rows["text"].tolist()), dtype=np.float64)
    return Items(
        ids=rows["id"].to_numpy(dtype=str),
        groups=rows["group"].to_numpy(dtype=np.int64),
        positive=(rows["label"] == positive).to_numpy(),
        probability=probability,
        threshold=known.threshold,
    )
