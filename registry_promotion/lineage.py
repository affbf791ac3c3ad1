"""The runs a version rests on, followed from run to run by what each says it read, and the people behind them.

Tags only say where to look. A name that the server stamped counts before the one a client claimed; where the server
stamps nothing, everybody whom a run names counts: a claim can take the right to approve away and never give it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from homologate.attest.statements import timestamp

__all__ = ["AUTHOR_TAG", "EVIDENCE_TAG", "makers_of", "run_facts", "runs_of"]

EVIDENCE_TAG = "homologate.evidence_run"
INPUT_TAG = "homologate.input."
AUTHOR_TAG = "gate.author"
NOBODY = "unknown"
"""What MLflow writes where a client names no user."""

Get = Callable[[str], Any]
"""The run of an id, or None."""


def runs_of(get: Get, run_id: str, tags: Mapping[str, str]) -> dict[str, str]:
    """Run ids by what they are to a version (`run`, `evidence_run`, `export_run`, `data_run`, …).

    Args:
        get: fetches a run.
        run_id: the version's run, or empty.
        tags: the version's tags.
    """
    found: dict[str, str] = {"run": run_id} if run_id else {}
    if evidence_run := tags.get(EVIDENCE_TAG):
        found["evidence_run"] = evidence_run
    pending = list(found.values())
    seen = set(pending)
    while pending:
        run = get(pending.pop())
        for key, reads in sorted(run.data.tags.items()) if run else ():
            if key.startswith(INPUT_TAG):
                found.setdefault(key.removeprefix(INPUT_TAG), reads)
                if reads not in seen:
                    seen.add(reads)
                    pending.append(reads)
    return found


def makers_of(runs: Iterable[Any], *, stamped: bool) -> frozenset[str]:
    """The accounts behind some runs.

    Args:
        runs: MLflow's runs.
        stamped: whether the server itself wrote who made them.
    """
    return frozenset(name for run in runs for name in (_names(run)[:1] if stamped else _names(run)))


def run_facts(role: str, run: Any) -> dict[str, Any]:
    """One run for a person who asks where a version comes from."""
    tags, info = run.data.tags, run.info
    return {
        "role": role,
        "run_id": info.run_id,
        "step": tags.get("homologate.step"),
        "status": info.status,
        "by": next(iter(_names(run)), None),
        "started_at": _moment(info.start_time),
        "finished_at": _moment(info.end_time),
        "commit": tags.get("mlflow.source.git.commit"),
        "dirty": {"true": True, "false": False}.get(tags.get("homologate.dirty", "")),
    }


def _names(run: Any) -> list[str]:
    tags = run.data.tags
    claims = (tags.get(AUTHOR_TAG), tags.get("mlflow.user"), run.info.user_id)
    return [str(name) for name in claims if name and name != NOBODY]


def _moment(milliseconds: int | None) -> str | None:
    return timestamp(datetime.fromtimestamp(milliseconds / 1000, UTC)) if milliseconds else None
