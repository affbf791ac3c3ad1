"""Why did this component pass in March: from a version, or from one prediction, back to everything it rests on.

A trace is facts, as a report is: run, commit, data, reports, rules, people, times, deployments. It is put together from
the ledger, the signed evidence and the runs; nothing in it is kept anywhere else. `sealed` signs it, and makes one file
of it, JSON or a page that carries its own signed facts; `opened` checks such a file with nothing but the trusted keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from homologate.attest import PublicKey, Signer, canonical, sign_statement, strict_json, verify_envelope
from homologate.attest.statements import timestamp
from homologate.errors import DataError, ModelError, RefusedError
from registry_promotion.story import clock_told, rows_of

if TYPE_CHECKING:
    from registry_promotion.desk import Desk

__all__ = ["opened", "sealed", "trace_of", "with_prediction"]

_MARK = "\n<!-- signed facts of this page: homologate trace --verify FILE\n"
_END = "\n-->\n"


def trace_of(desk: Desk, model: str, version: str) -> dict[str, Any]:
    """Everything a version rests on and everything that happened to it.

    Args:
        desk: of the registry.
        model: registered name.
        version: version number, as text.

    Raises:
        ModelError: there is no such version, or nobody knows its bytes.
    """
    source, gate = desk.gate.evidence_source, desk.gate
    found = source.fetch(model, version)
    model, version = found.model, found.version
    digest = found.digest or gate.digest_of(model, version)
    if digest is None:
        raise ModelError(
            f"the bytes of {model} version {version} cannot be read, and the ledger never saw them",
            next_command=f"homologate evidence verify {model} {version}",
        )
    rows = [row for row in gate.history(model) if row["version"] == version]
    training = found.facts.get("training", {})
    facts = {
        "schema": 1,
        "kind": "trace",
        "subject": {"digest": digest},
        "model": model,
        "version": version,
        "bytes": {"recomputed": found.digest, "ledger": gate.digest_of(model, version), "size": found.size},
        "commit": training.get("source"),
        "data": training.get("data"),
        "runs": source.lineage(model, version),
        "made_by": sorted(found.authors),
        "verification": dict(found.verification),
        "reports": [
            {"kind": kind, "verdict": report["verdict"], "measured_at": timestamp(found.measured_at[kind])}
            for kind, report in sorted(found.facts.items())
            if kind in found.measured_at
        ],
        "files": source.sums(model, version),
        "requests": [_request(row, rows) for row in rows if row["kind"] == "request"],
        "events": [{"seq": row["seq"], **_told(row)} for row in rows],
        "deployments": gate.placements(model, version),
        "ledger": gate.ledger_head(),
        "prediction": None,
    }
    return {**facts, "verdict": _verdict(facts)}


def with_prediction(facts: Mapping[str, Any], prediction: Any, standing: Mapping[str, Any] | None) -> dict[str, Any]:
    """The trace of the version that made one prediction, beginning with that prediction.

    Args:
        facts: of `trace_of`, for the version the prediction names.
        prediction: a `homologate.collection.Prediction`.
        standing: what the ledger says stood in Production at that moment, or None.
    """
    same = prediction.digest == facts["subject"]["digest"]
    told = {
        "id": prediction.id,
        "time": prediction.time.isoformat(),
        "label": prediction.label,
        "probability": prediction.probability,
        "threshold": prediction.threshold,
        "text": prediction.text,
        "text_sha256": prediction.text_sha256,
        "words": [{"word": one.word, "contribution": one.contribution} for one in prediction.words],
        "digest": prediction.digest,
        "same_bytes": same,
        "role": prediction.role,
        "in_production": dict(standing) if standing else None,
    }
    stood = standing is not None and standing["digest"] == prediction.digest
    beside = "then in Production" if stood else "which was NOT in Production then"
    answer = f"{prediction.label} ({prediction.probability:.3f}) at {prediction.time.isoformat()}"
    verdict = f"{answer}, by {facts['model']} version {facts['version']}, {beside}"
    bytes_told = "" if same else "; THE STORED BYTES ARE NOT THE ONES THAT ANSWERED"
    return {**facts, "prediction": told, "verdict": f"{verdict}{bytes_told}. {facts['verdict']}"}


def sealed(facts: Mapping[str, Any], key: Signer, *, page: bool) -> bytes:
    """One file: the signed facts, or a page for people that carries them.

    Args:
        facts: of `trace_of` or `with_prediction`.
        key: who vouches for it.
        page: HTML instead of JSON.
    """
    envelope = canonical(sign_statement("trace", facts["subject"]["digest"], facts, key, name=str(facts["model"])))
    if not page:
        return envelope + b"\n"
    from homologate.evidence import render

    return (render(_plain(facts)) + _MARK).encode() + envelope + _END.encode()


def opened(content: bytes, trusted: Mapping[str, PublicKey]) -> dict[str, Any]:
    """The facts of a file that `sealed` made, after checking it.

    Raises:
        DataError: it is no such file.
        RefusedError: no trusted key signed it, or its page does not say what was signed.
    """
    page, mark, rest = content.partition(_MARK.encode())
    signed = rest.removesuffix(_END.encode()) if mark else content.strip()
    statement = verify_envelope(signed, trusted)
    if statement.kind != "trace":
        raise DataError(f"this is a signed {statement.kind}, not a trace", next_command="homologate trace --help")
    facts = _plain(statement.predicate)
    if mark:
        from homologate.evidence import render

        if render(facts).encode() != page:
            raise RefusedError(
                "the page does not say what was signed: it was edited, or another version of homologate made it",
                next_command="export it again as .json, which needs no page to be trusted",
            )
    return facts


def _plain(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they are after a signature: in the order and the types of canonical JSON."""
    return dict(strict_json(canonical(dict(facts)), "trace"))


def _request(row: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    """One request: who asked, every rule as it was judged then, and who answered."""
    number, decision = str(row["seq"]), row["payload"]["decision"]
    answers = [r for r in rows if r["kind"] in ("approval", "rejection") and r["payload"].get("request") == number]
    return {
        "request": number,
        "stage": row["stage"],
        "by": row["who"],
        "at": row["at"],
        "reason": row["reason"],
        "policy": {"name": row["payload"]["policy"], "digest": row["policy_digest"]},
        "demonstration": row["payload"]["demonstration"],
        "champion": row["payload"]["champion"],
        "verdict": decision["verdict"],
        "rules": [
            {key: rule[key] for key in ("id", "sentence", "status", "value", "limit", "reason")}
            for rule in decision["rules"]
        ],
        "answers": [
            {"by": r["who"], "at": r["at"], "answer": {"approval": "approved", "rejection": "rejected"}[r["kind"]],
             "comment": r["reason"], "signed": "statement" in r["payload"]}
            for r in answers
        ],
    }  # fmt: skip


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    (story,) = rows_of([row])
    return {key: story[key] for key in ("says", "at", "by", "reason", "request")}


def _verdict(facts: Mapping[str, Any]) -> str:
    """One line for a person."""
    now = next((one for one in facts["deployments"] if one["until"] is None), None)
    how = {"break_glass": ", BY A BROKEN GLASS", "rollback": ", by a rollback"}.get(now["how"], "") if now else ""
    where = f"in {now['stage']} since {clock_told(now['since'])}, by {now['by']}{how}" if now else "in no guarded stage"
    commit = (facts["commit"] or {}).get("commit")
    made = f"made by {', '.join(facts['made_by']) or 'nobody knows whom'}"
    from_what = f" from commit {commit[:12]}" if commit else ""
    holds = "its evidence verifies" if facts["verification"].get("ok") else "ITS EVIDENCE DOES NOT VERIFY"
    return f"{facts['model']} version {facts['version']} is {where}; {made}{from_what}; {holds}."
