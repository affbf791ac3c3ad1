"""How a step signs what it measured: reports and the statement that speaks for them, in one folder of one run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from homologate.attest import canonical, report_predicate, sign_statement, statement_path
from homologate.steps.context import Context
from homologate.tracking import StepRun

__all__ = ["file_report", "file_statement"]


def file_report(context: Context, run: StepRun, digest: str, facts: Mapping[str, Any], html: str, **extra: Any) -> None:
    """Store `<kind>/<kind>.json`, `<kind>/<kind>.html` and the signed statement that names both by digest.

    Args:
        context: whose key signs.
        run: the run that measured.
        digest: digest of the model directory the report is about.
        facts: the report; `kind` and `verdict` are among them.
        html: the same facts for a reviewer.
        extra: further fields of the statement's predicate.
    """
    kind = str(facts["kind"])
    reports = {
        f"{kind}/{kind}.json": json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n",
        f"{kind}/{kind}.html": html,
    }
    for path, content in reports.items():
        run.text(content, path)
    predicate = report_predicate(
        verdict=str(facts["verdict"]),
        run_id=run.id,
        measured_at=datetime.now(UTC),
        reports={path: content.encode("utf-8") for path, content in reports.items()},
        **extra,
    )
    file_statement(context, run, kind, digest, predicate)


def file_statement(context: Context, run: StepRun, kind: str, digest: str, predicate: Mapping[str, Any]) -> None:
    """Sign one statement about the model `digest` and store it where a bundle of evidence keeps its kind."""
    envelope = sign_statement(kind, digest, predicate, context.signer, name=context.settings.model)
    run.text(canonical(envelope).decode("utf-8"), statement_path(kind))
