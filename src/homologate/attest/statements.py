"""Statements: who measured what about which bytes, as in-toto v1 statements signed in DSSE envelopes.

One statement is about one model directory: its subject is the directory's digest. Its predicate is of one kind:

    manifest       every file of the directory by name (the predicate of OpenSSF model-signing)
    training       how it came to be: commit, data, lock, parameters, seeds, host, duration (after SLSA provenance)
    data           the rows it was trained and tested on
    evaluation     how well it judges       ┐ each with the SHA-256 of the JSON and the HTML report it speaks for,
    explanation    what it decides on       │ so a byte changed in a report is found
    parity         whether fp32 and int8 answer as torch did │
    comparison     beside the version in Production          │
    shadow         how it answered real requests beside it   │
    model-card, data-card, responsible-ai   the same facts for other readers ┘
    approval       one person's answer to one request
    trace          what a version rests on and what happened to it, told at one moment

A statement is checked against its published schema when it is written and again when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from homologate.attest.digest import digest_of_files, sha256_of
from homologate.attest.envelope import canonical, read_envelope, seal, strict_json
from homologate.attest.keys import PublicKey, Signer
from homologate.attest.schema import check_against
from homologate.errors import DataError

if TYPE_CHECKING:
    from homologate.tracking import Provenance

__all__ = [
    "KINDS",
    "PREDICATE_TYPES",
    "REPORT_KINDS",
    "Statement",
    "manifest_files",
    "manifest_predicate",
    "parse_statement",
    "report_predicate",
    "sign_statement",
    "timestamp",
    "training_predicate",
    "verify_envelope",
]

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPES = {
    "approval": "urn:homologate:approval:1",
    "comparison": "urn:homologate:comparison:1",
    "data": "urn:homologate:data:1",
    "data-card": "urn:homologate:data-card:1",
    "evaluation": "urn:homologate:evaluation:1",
    "explanation": "urn:homologate:explanation:1",
    "manifest": "https://model_signing/signature/v1.0",
    "model-card": "urn:homologate:model-card:1",
    "parity": "urn:homologate:parity:1",
    "responsible-ai": "urn:homologate:responsible-ai:1",
    "shadow": "urn:homologate:shadow:1",
    "trace": "urn:homologate:trace:1",
    "training": "urn:homologate:training:1",
}
KINDS = tuple(PREDICATE_TYPES)
REPORT_KINDS = (
    "comparison",
    "data",
    "data-card",
    "evaluation",
    "explanation",
    "model-card",
    "parity",
    "responsible-ai",
    "shadow",
)
"""The kinds that speak for report files."""


@dataclass(frozen=True)
class Statement:
    """One statement as read from its payload.

    Attributes:
        kind: one of `KINDS`.
        subject: digest of the model directory it is about, `"sha256:<hex>"`.
        predicate: what it states.
        digest: SHA-256 of the payload: the name by which decisions and approvals refer to it.
        key_id: who signed it.
    """

    kind: str
    subject: str
    predicate: Mapping[str, Any]
    digest: str
    key_id: str


def sign_statement(
    kind: str, subject: str, predicate: Mapping[str, Any], key: Signer, *, name: str = "model"
) -> dict[str, Any]:
    """State `predicate` about the model `subject` and sign it; write the envelope with `canonical(envelope)`.

    Args:
        kind: one of `KINDS`.
        subject: digest of the model directory, `"sha256:<hex>"`.
        predicate: what is stated (see `report_predicate`, `training_predicate`, `manifest_predicate`).
        key: who states it.
        name: the subject's name for people.

    Raises:
        DataError: unknown kind, or the statement does not fit its published schema.
    """
    algorithm, _, digest = subject.partition(":")
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {algorithm: digest}}],
        "predicateType": PREDICATE_TYPES.get(kind, kind),
        "predicate": dict(predicate),
    }
    payload = canonical(statement)
    parse_statement(payload, key.key_id)
    return seal(payload, key)


def verify_envelope(envelope: Mapping[str, Any] | bytes | str, trusted: Mapping[str, PublicKey]) -> Statement:
    """The statement in an envelope that a trusted key signed.

    Args:
        envelope: the parsed object, or the bytes of its file (then they must be canonical).
        trusted: the keys that are believed, by key id.

    Raises:
        DataError: truncated, not an envelope, another schema version, or not fitting its schema.
        RefusedError: not signed by a trusted key, or changed after signing.
    """
    signed = read_envelope(envelope)
    signed.check(trusted)
    return parse_statement(signed.payload, signed.key_id)


def parse_statement(payload: bytes, key_id: str) -> Statement:
    """Read a payload as a statement, without asking who signed it.

    Raises:
        DataError: truncated, of an unknown kind or another schema version, or not fitting its schema.
    """
    raw = strict_json(payload, "statement")
    check_against("statement", raw)
    kind = _kind_of(raw["predicateType"])
    check_against(kind, raw["predicate"])
    return Statement(
        kind=kind,
        subject=f"sha256:{raw['subject'][0]['digest']['sha256']}",
        predicate=raw["predicate"],
        digest=sha256_of(payload),
        key_id=key_id,
    )


def report_predicate(
    *, verdict: str, run_id: str, measured_at: datetime, reports: Mapping[str, bytes], **facts: Any
) -> dict[str, Any]:
    """The predicate of an evaluation, explanation, parity, shadow or data statement.

    Args:
        verdict: the report's first line.
        run_id: the run that measured.
        measured_at: when, with a time zone.
        reports: the files it speaks for: `{path in the evidence bundle: bytes}`.
        facts: for `data`, `fingerprint` (`"sha256:…"`), `rows` and `source`.
    """
    return {
        "verdict": verdict,
        "run_id": run_id,
        "measured_at": timestamp(measured_at),
        "reports": [{"path": path, "sha256": _bare(sha256_of(reports[path]))} for path in sorted(reports)],
        **facts,
    }


def training_predicate(
    *,
    run_id: str,
    made_from: Provenance,
    data_fingerprint: str,
    data_run_id: str | None,
    parameters: Mapping[str, Any],
    seeds: Mapping[str, int],
    started_at: datetime,
    finished_at: datetime,
) -> dict[str, Any]:
    """The predicate of a training statement.

    Args:
        run_id: the train run.
        made_from: commit, dirty flag, lock and host, as `homologate.tracking.provenance` found them in that run.
        data_fingerprint: fingerprint of the canonical rows, `"sha256:<hex>"`.
        data_run_id: the prepare run, or None.
        parameters: every parameter of the run.
        seeds: every seed by name.
        started_at: start of the run, with a time zone.
        finished_at: its end, with a time zone.
    """
    return {
        "run_id": run_id,
        "source": {"commit": _known(made_from.commit), "dirty": made_from.dirty},
        "data": {"fingerprint": data_fingerprint, "run_id": data_run_id},
        "lock": {"digest": _known(made_from.lock_digest)},
        "parameters": dict(parameters),
        "seeds": dict(seeds),
        "host": {
            "name": made_from.host or "unknown",
            "platform": made_from.platform,
            "python": made_from.python,
            "cpus": made_from.cores,
            "cpu": made_from.cpu,
        },
        "started_at": timestamp(started_at),
        "finished_at": timestamp(finished_at),
        "duration_seconds": round((finished_at - started_at).total_seconds(), 3),
    }


def manifest_predicate(files: Mapping[str, str]) -> dict[str, Any]:
    """The predicate of a manifest statement: what OpenSSF model-signing writes for the same directory.

    Args:
        files: `homologate.attest.manifest_of(directory)`.
    """
    return {
        "serialization": {"method": "files", "hash_type": "sha256", "allow_symlinks": False},
        "resources": [{"name": name, "algorithm": "sha256", "digest": files[name]} for name in files],
    }


def manifest_files(statement: Statement) -> dict[str, str]:
    """The files a manifest statement lists, `{name: SHA-256 in hex}`.

    Raises:
        DataError: a name is given twice, or the files do not add up to the statement's own subject.
    """
    resources: Iterable[Mapping[str, str]] = statement.predicate["resources"]
    files: dict[str, str] = {}
    for resource in resources:
        if resource["name"] in files:
            raise DataError(f"the manifest lists {resource['name']!r} twice", place="manifest statement")
        files[resource["name"]] = resource["digest"]
    if digest_of_files(files) != statement.subject:
        raise DataError("the files of the manifest do not add up to its subject", place="manifest statement")
    return files


def timestamp(moment: datetime) -> str:
    """A moment as UTC text, `2026-03-01T12:00:00Z`.

    Raises:
        DataError: it has no time zone, so nobody can tell which moment it is.
    """
    if moment.tzinfo is None:
        raise DataError(f"{moment.isoformat()} has no time zone", legal="an aware datetime")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _kind_of(predicate_type: str) -> str:
    for kind, known in PREDICATE_TYPES.items():
        if predicate_type == known:
            return kind
    for kind, known in PREDICATE_TYPES.items():
        stem, _, version = known.rpartition(":")
        if stem and predicate_type.startswith(f"{stem}:"):
            raise DataError(
                f"{predicate_type!r} is schema version {predicate_type.rpartition(':')[2]} of {kind}",
                place="predicateType",
                legal=f"version {version}",
                next_command=f"make the {kind} statement again with this version of homologate",
            )
    raise DataError(
        f"unknown kind of statement {predicate_type!r}", place="predicateType", legal=PREDICATE_TYPES.values()
    )


def _bare(digest: str) -> str:
    return digest.partition(":")[2]


def _known(fact: str) -> str | None:
    return None if fact == "unknown" else fact
