"""Where the model comes from: a directory, a run, or a registered version that must be what was judged."""

from __future__ import annotations

import tempfile
from pathlib import Path

from homologate.errors import RefusedError, UsageError
from homologate.tracking import tracking_uri
from homologate.versions import (
    DIGEST_TAG,
    ModelVersion,
    Reference,
    Registry,
    approval_of,
    locate,
    obtain,
    open_registry,
)
from serve.server._model import ServedModel, open_model

__all__ = ["EVIDENCE_TAG", "REQUIREMENTS", "Source"]

EVIDENCE_TAG = "homologate.evidence_run"
"""The tag under which registration wrote the run that keeps the evidence about the version."""

REQUIREMENTS = ("digest", "evidence", "staging", "production")
"""What a version must show before it may answer; each asks for what the one before asks, and more (not `staging` of
`production`: a decision is for one stage)."""

_STAGES = {"staging": "Staging", "production": "Production"}


class Source:
    """Opens the model a reference names, and later versions of it.

    Args:
        reference: what the operator asked for.
        home: folder of caches and trusted keys.
        precision: `fp32`, `int8`, or None for the model's own.
        digest: what the bytes of a directory must be; None takes them as they are.
        require: `digest`: the bytes are those that were registered. `evidence`: and the statements about them are
            complete, signed by keys this machine trusts, and about these bytes. `staging`, `production`: and the
            gate's ledger has put these very bytes in that stage.
    """

    def __init__(
        self,
        reference: Reference,
        home: Path,
        *,
        precision: str | None = None,
        digest: str | None = None,
        require: str = "digest",
    ) -> None:
        self.reference, self._home, self._precision = reference, home, precision
        self._digest, self._require = digest, require
        self.registry: Registry | None = None if reference.kind == "directory" else open_registry(tracking_uri().uri)

    def open(self) -> ServedModel:
        """The model that the reference names now.

        Raises:
            ModelError: there is no such version, or its directory is broken.
            RefusedError: its bytes, the evidence about them or the ledger's decision are not what is required.
            StorageError: its bytes cannot be had.
            TrackingError: the registry does not answer.
            UsageError: a decision is required of what was never registered.
        """
        if self.registry is None or self.reference.kind == "run":
            if self._require != "digest":
                raise UsageError(
                    f"{self.reference} is no registered version, so nothing was decided about it",
                    place=f"--require {self._require}",
                    legal="models:/<name>/<version or stage>",
                )
            found = locate(self.reference, self._home)
            return self._opened(found.directory, found.name, found.version, self._digest or found.digest)
        return self.load(self.registry.resolve(self.reference))

    def load(self, version: ModelVersion) -> ServedModel:
        """A registered version: fetched, verified, loaded, probed. Raises as `open`."""
        assert self.registry is not None  # noqa: S101 (only a registry gives versions)
        directory = obtain(version, self.registry, self._home)
        if self._require != "digest":
            self._verify(version, directory)
        if stage := _STAGES.get(self._require):
            # `obtain` recomputed the digest of the tag, and the ledger must name the same.
            approval_of(version, self.registry, stage)
        return self._opened(directory, version.name, version.number, version.tags[DIGEST_TAG])

    def _opened(self, directory: Path, name: str, version: str, digest: str | None) -> ServedModel:
        return open_model(
            directory,
            name=name,
            version=version,
            reference=str(self.reference),
            expected_digest=digest,
            precision=self._precision,
        )

    def _verify(self, version: ModelVersion, directory: Path) -> None:
        from homologate.attest import load_trusted_keys, verify_bundle

        assert self.registry is not None  # noqa: S101
        run = version.tags.get(EVIDENCE_TAG)
        if not run:
            raise RefusedError(
                f"{version} names no evidence",
                place=f"{self.registry.uri}, tag {EVIDENCE_TAG}",
                next_command="homologate register  # registers bytes together with the evidence about them",
            )
        with tempfile.TemporaryDirectory() as scratch:
            self.registry.download(f"runs:/{run}/evidence", Path(scratch))
            trusted = load_trusted_keys(self._home)
            verify_bundle(directory, scratch, trusted, expected_digest=version.tags[DIGEST_TAG]).require()
