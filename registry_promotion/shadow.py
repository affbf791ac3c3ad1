"""Which shadow report speaks for a version: the newest of those made about its bytes, be it good or bad.

A shadow report is measured after the bundle of evidence was sealed, so it cannot be in it. It is the artifact `shadow/`
of a finished run of its own in the experiment of the evidence, which the tags `homologate.step = shadow` and
`homologate.digest` find. Tags only say where to look: the report counts if a trusted key signed it for these bytes.

The newest counts, whatever it says, so that an old and better one shown again changes nothing. One that cannot be read
or dated counts as the newest: then its check is not met and nobody moves until it is put right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from homologate.attest import statement_path
from homologate.attest.envelope import read_envelope
from homologate.attest.statements import parse_statement
from homologate.errors import DataError

__all__ = ["DIGEST_TAG", "SHADOW", "STEP_TAG", "shadow_files", "shadow_runs"]

SHADOW = "shadow"
STEP_TAG = "homologate.step"
DIGEST_TAG = "homologate.digest"
MOST_RUNS = 1000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def shadow_runs(tracking: Any, experiment: str, digest: str) -> Sequence[Any]:
    """The finished shadow runs about some bytes.

    Args:
        tracking: MLflow's tracking store, or an `MlflowClient`.
        experiment: id of the experiment of the evidence.
        digest: the bytes, as a tag names them; anything else finds nothing.
    """
    from mlflow.entities import ViewType

    if not _DIGEST.fullmatch(digest):
        return []
    wanted = f"tags.`{STEP_TAG}` = '{SHADOW}' and tags.`{DIGEST_TAG}` = '{digest}' and status = 'FINISHED'"
    return list(tracking.search_runs([experiment], wanted, ViewType.ACTIVE_ONLY, max_results=MOST_RUNS))


def shadow_files(runs: Sequence[Any], read: Callable[[str], Mapping[str, bytes]]) -> dict[str, bytes]:
    """The files of the report that counts, as a bundle of evidence names them; none where there are no runs.

    Args:
        runs: as `shadow_runs` found them.
        read: reads every file of a folder at an artifact location, none where it cannot be read.
    """
    reports = [
        {f"{SHADOW}/{name}": content for name, content in read(f"{run.info.artifact_uri}/{SHADOW}").items()}
        for run in runs
    ]
    # A run without a readable report leaves its statement's path behind, empty: a check that is not met.
    return max((report or {statement_path(SHADOW): b""} for report in reports), key=_dated, default={})


def _dated(report: Mapping[str, bytes]) -> datetime:
    """When a report says it was measured; the end of time where it does not say."""
    try:
        signed = read_envelope(report[statement_path(SHADOW)])
        told = parse_statement(signed.payload, signed.key_id).predicate["measured_at"]
        return datetime.fromisoformat(str(told))
    except (DataError, KeyError, ValueError):
        return datetime.max.replace(tzinfo=UTC)
