"""From what a person wrote to a directory on this machine, whatever form it was written in."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from homologate.errors import StorageError
from homologate.versions._cache import obtain
from homologate.versions._reference import Reference
from homologate.versions._registry import Registry, open_registry

__all__ = ["Located", "locate", "registry_of"]


class Located(NamedTuple):
    """A model on this machine.

    Attributes:
        directory: the model directory.
        name: the registered name; of an unregistered one, that of its folder.
        version: the number; `run-<id>` or `unregistered` where it has none.
        digest: of the bytes, as recomputed.
    """

    directory: Path
    name: str
    version: str
    digest: str


def locate(reference: Reference, home: Path) -> Located:
    """The model directory a reference means now; fetched into `<home>/models` where it is elsewhere.

    Raises:
        ModelError: there is no such version, or the directory cannot be read.
        RefusedError: the bytes are not those that were registered.
        StorageError: the bytes cannot be had.
        TrackingError: no registry answers.
    """
    from homologate.attest.digest import digest_of

    if reference.kind == "directory":
        directory = Path(reference.which)
        return Located(directory, directory.resolve().name, "unregistered", digest_of(directory))
    registry = registry_of(home)
    if reference.kind == "run":
        directory, digest = _of_run(reference, registry, home)
        return Located(directory, reference.name, f"run-{reference.which}", digest)
    version = registry.resolve(reference)
    directory = obtain(version, registry, home)
    return Located(directory, version.name, version.number, f"sha256:{directory.name}")


def registry_of(home: Path) -> Registry:
    """The registry that `MLFLOW_TRACKING_URI` names, else that of the server `homologate up` started in `home`.

    Raises:
        TrackingError: there is neither.
    """
    from homologate.local import Services
    from homologate.tracking import tracking_uri

    local = Services(home).running().get("mlflow")
    return open_registry(tracking_uri(local.url if local else None).uri)


def _of_run(reference: Reference, registry: Registry, home: Path) -> tuple[Path, str]:
    from homologate.attest.digest import digest_of

    models = home / "models"
    try:
        models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=models, prefix=".fetching-") as scratch:
            arriving = Path(scratch) / "model"
            arriving.mkdir()
            registry.download(str(reference), arriving)
            digest = digest_of(arriving)
            kept = models / digest.removeprefix("sha256:")
            shutil.rmtree(kept, ignore_errors=True)
            arriving.rename(kept)
    except OSError as error:
        raise StorageError(f"cannot keep {reference}: {error.strerror or error}", place=str(models)) from error
    return kept, digest
