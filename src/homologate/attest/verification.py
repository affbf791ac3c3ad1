"""Verify a model directory and the evidence about it: every check by name, met, not met, or impossible to tell.

The rule of combination: a bundle is verified if and only if **every** check is met. Nothing is passed in silence: a
statement that is missing, unreadable, unsigned or about other bytes leaves its own check not met or untold, and every
check that would have rested on it is untold too. Reading never stops at the first fault, so a reviewer sees them all.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from homologate.attest.digest import digest_of_files, manifest_of
from homologate.attest.envelope import read_envelope, strict_json
from homologate.attest.keys import PublicKey
from homologate.attest.sbom import check_sbom
from homologate.attest.schema import check_against
from homologate.attest.statements import REPORT_KINDS, Statement, manifest_files, parse_statement
from homologate.errors import DataError, HomologateError, RefusedError, StorageError

__all__ = [
    "REQUIRED_KINDS",
    "STATEMENT_SUFFIX",
    "Check",
    "VerificationReport",
    "believed_reports",
    "read_evidence",
    "statement_path",
    "verify_bundle",
]

STATEMENT_SUFFIX = ".intoto.json"
REQUIRED_KINDS = tuple(sorted({*REPORT_KINDS, "manifest", "training"} - {"shadow"}))
"""The statements without which a bundle is not complete; how it answered beside the champion comes later, if at all."""

Status = Literal["met", "not_met", "cannot_tell"]
MODEL_REPORTS = tuple(kind for kind in REPORT_KINDS if kind != "data")


@dataclass(frozen=True)
class Check:
    """One thing that was checked.

    Attributes:
        id: `digest`, `files`, `sbom`, `covered`, `same_data`, `read:<path>`, or one of `complete`, `signature`,
            `schema`, `subject`, `reports` followed by `:<kind>`.
        status: `met`, `not_met`, or `cannot_tell` where something it rests on is missing or not to be believed.
        sentence: what was found, for a person.
        fix: what would mend it; empty where it is met.
    """

    id: str
    status: Status
    sentence: str
    fix: str = ""


@dataclass(frozen=True)
class VerificationReport:
    """Every check of one bundle.

    Attributes:
        digest: digest of the model directory as recomputed, or None where it could not be read.
        checks: in the order they were made.
        statements: what is believed, by kind: signed by a trusted key, fitting its schema and about these bytes.
    """

    digest: str | None
    checks: tuple[Check, ...]
    statements: Mapping[str, Statement]

    @property
    def ok(self) -> bool:
        """Whether every check is met."""
        return all(check.status == "met" for check in self.checks)

    @property
    def faults(self) -> tuple[Check, ...]:
        """The checks that are not met."""
        return tuple(check for check in self.checks if check.status != "met")

    def facts(self) -> dict[str, Any]:
        """The report as JSON-serialisable facts."""
        return {"ok": self.ok, "digest": self.digest, "checks": [asdict(check) for check in self.checks]}

    def require(self) -> None:
        """Return if every check is met.

        Raises:
            RefusedError: one is not; the message lists all that are not.
        """
        if not self.ok:
            lines = [f"{check.id} ({check.status.replace('_', ' ')}): {check.sentence}" for check in self.faults]
            fixes = dict.fromkeys(check.fix for check in self.faults if check.fix)
            raise RefusedError(
                "the evidence does not hold:\n  - " + "\n  - ".join(lines), next_command="; ".join(fixes) or None
            )


def verify_bundle(
    model_directory: str | os.PathLike[str],
    evidence: str | os.PathLike[str] | Mapping[str, bytes],
    trusted: Mapping[str, PublicKey],
    *,
    required: Iterable[str] = REQUIRED_KINDS,
    expected_digest: str | None = None,
) -> VerificationReport:
    """Check a model directory against the evidence about it.

    Args:
        model_directory: the directory, as downloaded.
        evidence: a directory, or `{path: bytes}`: reports, and statements named `<anything>.intoto.json`.
        trusted: the keys that are believed, by key id (`load_trusted_keys`).
        required: kinds of statement that must be there, once each.
        expected_digest: what the registry says the directory's digest is, if it says so.

    Raises:
        StorageError: the evidence directory itself cannot be read.
    """
    files = dict(evidence) if isinstance(evidence, Mapping) else read_evidence(evidence)
    checks: list[Check] = []
    manifest, digest = _recompute(model_directory, expected_digest, checks)
    found = _believed(files, trusted, digest, checks)
    for kind in required:
        checks.append(_complete(kind, found))
    statements = {kind: members[0] for kind, members in found.items() if len(members) == 1}
    for kind in REPORT_KINDS:
        if kind in statements:
            checks.append(_reports(statements[kind], files))
    checks += [_same_data(statements), _covered(files, found)]
    if manifest is not None:
        checks += [_files(manifest, statements.get("manifest")), _sbom(model_directory, manifest)]
    return VerificationReport(digest, tuple(checks), statements)


def believed_reports(report: VerificationReport, files: Mapping[str, bytes]) -> dict[str, Mapping[str, Any]]:
    """The JSON of each report that a believed statement speaks for, by kind; and the training provenance as `training`.

    Args:
        report: what `verify_bundle` found.
        files: the very files it was given.
    """
    met = {check.id for check in report.checks if check.status == "met"}
    found: dict[str, Mapping[str, Any]] = {}
    for kind, statement in report.statements.items():
        path = f"{kind}/{kind}.json"
        if kind == "training":
            found[kind] = statement.predicate
        elif f"reports:{kind}" in met and path in files:
            found[kind] = dict(strict_json(files[path], path))
    return found


def read_evidence(directory: str | os.PathLike[str]) -> dict[str, bytes]:
    """Every file under a directory: `{relative POSIX path: bytes}`.

    Raises:
        StorageError: it is missing, holds a symbolic link, or cannot be read.
    """
    root = Path(directory)
    if not root.is_dir():
        raise StorageError(f"no directory of evidence {str(root)!r}")
    try:
        return {path.relative_to(root).as_posix(): _content(path) for path in sorted(root.rglob("*")) if _is_file(path)}
    except OSError as error:
        raise StorageError(f"cannot read the evidence: {error}", place=str(root)) from error


def statement_path(kind: str) -> str:
    """Where a statement stands in a bundle of evidence: `evaluation/evaluation.intoto.json`."""
    return f"{kind}/{kind}{STATEMENT_SUFFIX}"


def _recompute(
    directory: str | os.PathLike[str], expected: str | None, checks: list[Check]
) -> tuple[dict[str, str] | None, str | None]:
    try:
        manifest = manifest_of(directory)
    except HomologateError as error:
        checks.append(Check("digest", "cannot_tell", _line(error), "fetch the model directory again"))
        return None, None
    digest = digest_of_files(manifest)
    if expected is not None and expected != digest:
        sentence = f"the registry says {expected}, the directory is {digest}: its bytes were changed"
        checks.append(Check("digest", "not_met", sentence, "register the directory again as a new version"))
    else:
        checks.append(Check("digest", "met", f"the directory is {digest}"))
    return manifest, digest


def _believed(
    files: Mapping[str, bytes], trusted: Mapping[str, PublicKey], digest: str | None, checks: list[Check]
) -> dict[str, list[Statement]]:
    """The statements that may be believed, by kind; what is wrong with the others is added to `checks`."""
    found: dict[str, list[Statement]] = {}
    for path in sorted(files):
        if path.endswith(STATEMENT_SUFFIX):
            for statement in _read(path, files[path], trusted, digest, checks):
                found.setdefault(statement.kind, []).append(statement)
    return found


def _read(
    path: str, data: bytes, trusted: Mapping[str, PublicKey], digest: str | None, checks: list[Check]
) -> Iterator[Statement]:
    again = "make the report and its statement again, and sign them"
    try:
        signed = read_envelope(data)
    except DataError as error:
        checks.append(Check(f"read:{path}", "not_met", _line(error), again))
        return
    try:
        signed.check(trusted)
    except RefusedError as error:
        known = signed.key_id in trusted
        fix = again if known else "trust the signer's public key, or have a trusted signer make the statement"
        checks.append(Check(f"signature:{path}", "not_met" if known else "cannot_tell", _line(error), fix))
        return
    checks.append(Check(f"signature:{path}", "met", f"signed by the trusted key {signed.key_id[:12]}…"))
    try:
        statement = parse_statement(signed.payload, signed.key_id)
    except DataError as error:
        checks.append(Check(f"schema:{path}", "not_met", _line(error), again))
        return
    checks.append(Check(f"schema:{path}", "met", f"fits the published schema of its kind, {statement.kind}"))
    if digest is None:
        checks.append(Check(f"subject:{path}", "cannot_tell", "the model directory could not be read"))
    elif statement.subject != digest:
        sentence = f"it speaks of {statement.subject}, the directory is {digest}"
        checks.append(Check(f"subject:{path}", "not_met", sentence, "measure these bytes and sign that"))
    else:
        checks.append(Check(f"subject:{path}", "met", "it speaks of exactly these bytes"))
        yield statement


def _complete(kind: str, found: Mapping[str, list[Statement]]) -> Check:
    members = found.get(kind, [])
    if len(members) == 1:
        return Check(f"complete:{kind}", "met", f"there is one {kind} statement")
    if not members:
        sentence, fix = f"there is no {kind} statement that can be believed", f"make and sign the {kind} statement"
        return Check(f"complete:{kind}", "cannot_tell", sentence, fix)
    sentence = f"there are {len(members)} {kind} statements, and nothing says which one counts"
    return Check(f"complete:{kind}", "cannot_tell", sentence, "leave one")


def _reports(statement: Statement, files: Mapping[str, bytes]) -> Check:
    name, again = f"reports:{statement.kind}", f"make the {statement.kind} report again and sign it"
    for report in statement.predicate["reports"]:
        path = report["path"]
        if path not in files:
            return Check(name, "cannot_tell", f"the report {path} is missing", "fetch it from the run's artifacts")
        if hashlib.sha256(files[path]).hexdigest() != report["sha256"]:
            return Check(name, "not_met", f"the report {path} was changed after it was signed", again)
        if path.endswith(".json") and statement.kind in MODEL_REPORTS:
            fault = _header(files[path], path, statement)
            if fault:
                return Check(name, "not_met", fault, again)
    return Check(name, "met", f"{len(statement.predicate['reports'])} report files are as they were signed")


def _header(data: bytes, path: str, statement: Statement) -> str | None:
    try:
        facts = strict_json(data, path)
        check_against("report", facts)
    except DataError as error:
        return f"{path}: {_line(error)}"
    if facts["kind"] != statement.kind:
        return f"{path} is a report of kind {facts['kind']!r}"
    if facts["subject"]["digest"] != statement.subject:
        return f"{path} reports on {facts['subject']['digest']}, the statement on {statement.subject}"
    return None


def _same_data(statements: Mapping[str, Statement]) -> Check:
    if not {"data", "training"} <= statements.keys():
        return Check("same_data", "cannot_tell", "the data or the training statement is missing", "make both")
    told = statements["data"].predicate["fingerprint"]
    trained = statements["training"].predicate["data"]["fingerprint"]
    if told != trained:
        sentence = f"the data statement describes {told}, the model was trained on {trained}"
        return Check("same_data", "not_met", sentence, "describe the data the model was trained on")
    return Check("same_data", "met", f"described and trained on the same data, {told}")


def _covered(files: Mapping[str, bytes], found: Mapping[str, list[Statement]]) -> Check:
    spoken = {
        report["path"]
        for members in found.values()
        for statement in members
        for report in statement.predicate.get("reports", ())
    }
    loose = sorted(path for path in files if path not in spoken and not path.endswith(STATEMENT_SUFFIX))
    if loose:
        sentence = f"no signed statement speaks for {', '.join(loose)}"
        return Check("covered", "not_met", sentence, "sign them or leave them out of the bundle")
    return Check("covered", "met", "every file of the evidence is signed")


def _files(manifest: Mapping[str, str], statement: Statement | None) -> Check:
    if statement is None:
        return Check("files", "cannot_tell", "no signed manifest says which files there must be", "sign a manifest")
    try:
        signed = manifest_files(statement)
    except DataError as error:
        return Check("files", "not_met", _line(error), "make the manifest again and sign it")
    odd = sorted(name for name in manifest.keys() | signed.keys() if manifest.get(name) != signed.get(name))
    if odd:
        return Check("files", "not_met", f"not as signed: {', '.join(odd)}", "fetch the registered directory again")
    return Check("files", "met", f"all {len(manifest)} files have the names and bytes that were signed")


def _sbom(directory: str | os.PathLike[str], manifest: dict[str, str]) -> Check:
    fix = "export the model again"
    try:
        fault = check_sbom(directory, manifest)
    except HomologateError as error:
        return Check("sbom", "not_met", _line(error), fix)
    if fault:
        return Check("sbom", "not_met", fault, fix)
    return Check("sbom", "met", "the bill of materials names these files and these requirements")


def _is_file(path: Path) -> bool:
    if path.is_symlink():
        raise StorageError("evidence may hold no symbolic link", place=str(path))
    return path.is_file()


def _content(path: Path) -> bytes:
    return path.read_bytes()


def _line(error: HomologateError) -> str:
    """An error as one line: the problem and the place."""
    return f"{error.problem} ({error.place})" if error.place else error.problem
