"""What the reports say together: the comparison with the champion and the three cards, as files of the bundle.

They are made last, from reports that already exist, so they measure nothing themselves; only where the champion was
tested on other items is one of the two scored again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homologate.steps.champion import Judged, met
from homologate.steps.context import Context
from homologate.steps.evidence import report_files

__all__ = ["complete"]


def complete(
    context: Context, run_id: str, digest: str, bundle: Path, ours: Path, data_run: str, champion: Any
) -> None:
    """Add the comparison and the cards to a bundle that holds the other reports.

    Args:
        context: settings, tracker, key.
        run_id: the register run, which makes them.
        digest: digest of the model directory.
        bundle: the folder of evidence.
        ours: the model directory.
        data_run: whose rows it was trained and tested on.
        champion: the registry's version in Production, or None.
    """
    from homologate.evidence import cards, comparison, render

    told = {kind: _facts(bundle, kind) for kind in ("data", "evaluation", "explanation", "parity")}
    context.say("comparing with the champion" if champion is not None else "no champion to compare with")
    judged = Judged(ours, told["evaluation"], context.rows(data_run))
    candidate, rival, rows = met(context, judged, champion)
    beside = comparison(candidate, rival, rows, context.settings, digest=digest)
    made = cards(
        told["evaluation"], told["explanation"], told["parity"], told["data"], beside, _statement(bundle, "training")
    )
    for facts in (beside, *made.values()):
        for path, content in report_files(context, run_id, digest, facts, render(facts)).items():
            file = bundle / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")


def _facts(bundle: Path, kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((bundle / kind / f"{kind}.json").read_text(encoding="utf-8"))
    return found


def _statement(bundle: Path, kind: str) -> Mapping[str, Any]:
    """What a statement of the bundle states; its signature is checked with the whole bundle, before registering."""
    from homologate.attest import statement_path
    from homologate.attest.envelope import read_envelope
    from homologate.attest.statements import parse_statement

    signed = read_envelope((bundle / statement_path(kind)).read_bytes())
    return parse_statement(signed.payload, signed.key_id).predicate
