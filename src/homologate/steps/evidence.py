"""How a step signs what it measured: reports and the statement that speaks for them, in one folder of one run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from homologate.attest import canonical, report_predicate, sign_statement, statement_path
from homologate.steps.context import Context
from homologate.tracking import StepRun

__all__ = ["file_report", "file_statement", "report_files"]


def file_report(
    context: Context, run: StepRun, digest: str, facts: Mapping[str, Any], html: str, beside: Mapping[str, str] = {}
) -> None:
    """Store a report and its signed statement as artifacts of a run (see `report_files`)."""
    for path, content in report_files(context, run.id, digest, facts, html, beside).items():
        run.text(content, path)


def report_files(
    context: Context, run_id: str, digest: str, facts: Mapping[str, Any], html: str, beside: Mapping[str, str] = {}
) -> dict[str, str]:
    """`<kind>/<kind>.json`, `<kind>/<kind>.html` and the signed statement that names each by digest: path → content.

    Args:
        context: whose key signs.
        run_id: the run that measured.
        digest: digest of the model directory the report is about.
        facts: the report; `kind` and `verdict` are among them.
        html: the same facts for a reviewer.
        beside: further files the statement speaks for, by path.
    """
    kind = str(facts["kind"])
    reports = {
        f"{kind}/{kind}.json": json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        f"{kind}/{kind}.html": html,
        **beside,
    }
    predicate = report_predicate(
        verdict=str(facts["verdict"]),
        run_id=run_id,
        measured_at=datetime.now(UTC),
        reports={path: content.encode("utf-8") for path, content in reports.items()},
    )
    return {**reports, statement_path(kind): _signed(context, kind, digest, predicate)}


def file_statement(context: Context, run: StepRun, kind: str, digest: str, predicate: Mapping[str, Any]) -> None:
    """Sign one statement about the model `digest` and store it where a bundle of evidence keeps its kind."""
    run.text(_signed(context, kind, digest, predicate), statement_path(kind))


def _signed(context: Context, kind: str, digest: str, predicate: Mapping[str, Any]) -> str:
    envelope = sign_statement(kind, digest, predicate, context.signer, name=context.settings.model)
    return canonical(envelope).decode("utf-8")
