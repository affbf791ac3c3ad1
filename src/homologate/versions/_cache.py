"""The bytes of a version, fetched once, believed only by their digest."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from homologate.errors import RefusedError, StorageError
from homologate.versions._registry import ModelVersion, Registry

__all__ = ["DIGEST_TAG", "obtain"]

DIGEST_TAG = "homologate.digest"
"""The tag under which registration wrote the digest of the version's directory."""


def obtain(version: ModelVersion, registry: Registry, home: Path) -> Path:
    """The model directory of a version, under `<home>/models/<digest>`, whole or not at all.

    The digest is recomputed from the bytes each time: what lies in the cache is believed no more than what arrives.

    Raises:
        RefusedError: the version carries no digest, or the registry's bytes are not those that were registered.
        StorageError: the bytes cannot be had or kept.
        TrackingError: the registry does not answer.
    """
    from homologate.attest.digest import digest_of

    wanted = version.tags.get(DIGEST_TAG)
    if not wanted:
        raise RefusedError(
            f"{version} carries no digest, so nobody can say which bytes were judged",
            place=f"{registry.uri}, tag {DIGEST_TAG}",
            next_command="homologate register  # registers judged bytes with their digest",
        )
    kept = home / "models" / wanted.removeprefix("sha256:")
    if kept.is_dir() and digest_of(kept) == wanted:
        return kept
    try:
        shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".fetching-") as scratch:
            arriving = Path(scratch) / "model"
            arriving.mkdir()
            registry.download(version.source, arriving)
            found = digest_of(arriving)
            if found != wanted:
                raise RefusedError(
                    f"{version} was registered as {wanted}, its bytes are {found}: they were changed",
                    place=version.source,
                    next_command="homologate rollback  # and register the directory again as a new version",
                )
            arriving.rename(kept)
    except OSError as error:
        raise StorageError(
            f"cannot keep {version}: {error.strerror or error}",
            place=str(kept.parent),
            next_command="free space, or set `home:` in homologate.yaml to a folder you may write",
        ) from error
    return kept
