"""What is known about a version, fetched and checked at the moment it is asked: bytes, reports, signatures, people.

Nothing here is believed because somebody wrote it down. The digest is recomputed from the stored bytes; a report counts
only where a trusted key signed it for these bytes; authors are the accounts that the server authenticated when the runs
were created. Tags only say where to look.

    source = MlflowEvidence(registry, tracking, home)
    source.fetch("component-classifier", "7") -> EvidenceBundle
    source.digest("component-classifier", "7") -> "sha256:…"
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from homologate.attest import (
    VerificationReport,
    believed_reports,
    digest_of,
    load_trusted_keys,
    read_evidence,
    sha256_of,
    verify_bundle,
)
from homologate.errors import DataError, HomologateError, ModelError, StorageError, TrackingError
from registry_promotion.bundle import EvidenceBundle
from registry_promotion.lineage import EVIDENCE_TAG, makers_of, run_facts, runs_of
from registry_promotion.shadow import DIGEST_TAG, shadow_files, shadow_runs

__all__ = ["Fetch", "MlflowEvidence", "download"]

Fetch = Callable[[str, Path], Path]
"""`fetch(location, scratch) -> folder`: the folder at an artifact location, in place or copied below `scratch`."""

REGISTERED_TAG = "gate.registered_by"


class MlflowEvidence:
    """Evidence of the versions of one MLflow registry.

    Args:
        registry: MLflow's registry store, or an `MlflowClient`.
        tracking: MLflow's tracking store, or an `MlflowClient`.
        home: the project's home, whose trusted keys are believed.
        fetch: how artifacts are reached; default downloads through MLflow.
        stamped: whether the server itself wrote who made a run. Where it did not, everybody whom a run names counts
            as an author: a claim can take a right away and never give one.
    """

    def __init__(
        self, registry: Any, tracking: Any, home: str | Path, fetch: Fetch | None = None, *, stamped: bool = True
    ) -> None:
        self._registry, self._tracking, self._home, self._stamped = registry, tracking, Path(home), stamped
        self._fetch = fetch or download

    def fetch(self, model: str, version: str) -> EvidenceBundle:
        """Everything about a version, checked now. What is missing or broken is in `verification`, not raised.

        Raises:
            ModelError: there is no such version.
            TrackingError: the registry does not answer.
        """
        known = self._version(model, version)
        with (
            self._folder(known.source_location, "the model directory") as (directory, _),
            self._bundle(known) as bundle,
        ):
            size = _size_of(directory) if directory else None
            report = verify_bundle(
                directory or Path("missing"),
                bundle,
                load_trusted_keys(self._home),
                expected_digest=known.tags.get(DIGEST_TAG),
            )
        at = f"/homologate/models/{quote(known.name, safe='')}/versions/{known.number}/evidence"
        return EvidenceBundle(
            model=known.name,
            version=known.number,
            digest=report.digest,
            facts=believed_reports(report, bundle),
            measured_at=_moments(report),
            verification=report.facts(),
            size=size,
            authors=self._authors(known, self._runs(known)),
            places={kind: f"{at}/{kind}/{kind}.html" for kind in report.statements if f"{kind}/{kind}.html" in bundle},
        )

    def runs(self, model: str, version: str) -> dict[str, str]:
        """The runs a version rests on, by what they are to it (`export_run`, `data_run`, …).

        Raises:
            ModelError: there is no such version.
        """
        return self._runs(self._version(model, version))

    def lineage(self, model: str, version: str) -> list[dict[str, Any]]:
        """The runs a version rests on, each once, oldest first (see `lineage.run_facts`).

        Raises:
            ModelError: there is no such version.
        """
        roles = {run_id: role for role, run_id in self.runs(model, version).items()}
        found = [(role, self._run(run_id)) for run_id, role in roles.items()]
        return sorted((run_facts(role, run) for role, run in found if run), key=lambda one: one["started_at"] or "")

    def sums(self, model: str, version: str) -> dict[str, str]:
        """The SHA-256 of each file of a version's bundle of evidence, by path.

        Raises:
            ModelError: there is no such version.
        """
        with self._bundle(self._version(model, version)) as bundle:
            return {path: sha256_of(content) for path, content in sorted(bundle.items())}

    def digest(self, model: str, version: str) -> str:
        """The digest of the stored model directory, recomputed now.

        Raises:
            ModelError: no such version, or its directory cannot be read.
        """
        with self.directory(model, version) as directory:
            return digest_of(directory)

    def file(self, model: str, version: str, path: str) -> bytes:
        """One file of a version's bundle of evidence.

        Raises:
            DataError: the bundle has no such file.
        """
        with self._bundle(self._version(model, version)) as bundle:
            if path not in bundle:
                raise DataError(f"no file {path!r} in the evidence", legal=sorted(bundle))
            return bundle[path]

    @contextmanager
    def directory(self, model: str, version: str) -> Iterator[Path]:
        """The model directory of a version while the block runs.

        Raises:
            ModelError: no such version, or its directory cannot be read.
        """
        with self._folder(self._version(model, version).source_location, "the model directory") as (found, why):
            if found is None:
                raise ModelError(f"the bytes of {model} version {version} cannot be read: {why}")
            yield found

    @contextmanager
    def artifact(self, run_id: str, path: str) -> Iterator[Path]:
        """A file or folder among the artifacts of a run while the block runs.

        Raises:
            ModelError: there is no such run or artifact.
        """
        run = self._run(run_id)
        if run is None:
            raise ModelError(f"no run {run_id!r}")
        with self._folder(f"{run.info.artifact_uri}/{path}", f"artifact {path!r}") as (found, why):
            if found is None:
                raise ModelError(f"cannot read {path!r} of run {run_id}: {why}")
            yield found

    def locations(self, model: str, version: str) -> list[str]:
        """The artifact locations a decision about this version rests on: its bytes, its evidence, its shadow reports.

        Raises:
            ModelError: there is no such version.
        """
        known = self._version(model, version)
        found = [known.source_location, known.source]
        if evidence_run := known.tags.get(EVIDENCE_TAG):
            run = self._run(evidence_run)
            if run:
                found.append(f"{run.info.artifact_uri}/evidence")
                found += [f"{one.info.artifact_uri}/shadow" for one in self._shadows(known, run)]
        return found

    # ── the registry ──────────────────────────────────────────────────────────────────────────────────────────────

    def _version(self, model: str, version: str) -> _Version:
        from mlflow.exceptions import MlflowException

        try:
            known = self._registry.get_model_version(model, version)
            location = self._registry.get_model_version_download_uri(known.name, known.version)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise ModelError(
                    f"no version {version!r} of {model!r}",
                    place="the registry",
                    next_command=f"homologate history {model}",
                ) from error
            raise TrackingError(f"the registry does not answer: {error.message}") from error
        return _Version(
            name=known.name,
            number=str(known.version),
            source=str(known.source),
            source_location=str(location),
            run_id=known.run_id or "",
            tags=dict(known.tags),
        )

    def _run(self, run_id: str) -> Any:
        from mlflow.exceptions import MlflowException

        try:
            return self._tracking.get_run(run_id)
        except MlflowException:
            return None

    def _runs(self, known: _Version) -> dict[str, str]:
        return runs_of(self._run, known.run_id, known.tags)

    def _authors(self, known: _Version, runs: Mapping[str, str]) -> frozenset[str]:
        """The accounts behind a version."""
        registered = {known.tags[REGISTERED_TAG]} if REGISTERED_TAG in known.tags else set()
        made = (self._run(run_id) for run_id in set(runs.values()))
        return makers_of((run for run in made if run), stamped=self._stamped) | registered

    # ── the bytes ─────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _folder(self, location: str, what: str) -> Iterator[tuple[Path | None, str]]:
        """The folder at a location while the block runs, or None and why not."""
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homologate-")))
            try:
                found: tuple[Path | None, str] = (self._fetch(location, scratch), "")
            except HomologateError as error:
                found = (None, f"{what}: {error.problem}")
            yield found

    @contextmanager
    def _bundle(self, known: _Version) -> Iterator[dict[str, bytes]]:
        """The files of the bundle, the newest shadow report among them; none where the version names no evidence."""
        run = self._run(known.tags.get(EVIDENCE_TAG, ""))
        if run is None:
            yield {}
            return
        with self._folder(f"{run.info.artifact_uri}/evidence", "the evidence") as (folder, _):
            bundle = read_evidence(folder) if folder else {}
        yield bundle | shadow_files(self._shadows(known, run), self._files)

    def _shadows(self, known: _Version, evidence_run: Any) -> Sequence[Any]:
        return shadow_runs(self._tracking, evidence_run.info.experiment_id, known.tags.get(DIGEST_TAG, ""))

    def _files(self, location: str) -> dict[str, bytes]:
        with self._folder(location, "the shadow report") as (folder, _):
            return read_evidence(folder) if folder else {}


@dataclass(frozen=True)
class _Version:
    name: str
    number: str
    source: str
    source_location: str
    run_id: str
    tags: Mapping[str, str]


def download(location: str, scratch: Path) -> Path:
    """The folder at an artifact location, copied below `scratch` through MLflow.

    Raises:
        StorageError: it cannot be had.
    """
    import mlflow.artifacts
    from mlflow.exceptions import MlflowException

    try:
        return Path(mlflow.artifacts.download_artifacts(artifact_uri=location, dst_path=str(scratch)))
    except (MlflowException, OSError) as error:
        raise StorageError(f"cannot fetch the artifacts: {error}", place=location) from error


def _size_of(directory: Path) -> int:
    """Bytes of all files under a folder."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def _moments(report: VerificationReport) -> dict[str, datetime]:
    """When each believed report was measured."""
    return {
        kind: datetime.fromisoformat(str(statement.predicate["measured_at"]))
        for kind, statement in report.statements.items()
        if "measured_at" in statement.predicate
    }
