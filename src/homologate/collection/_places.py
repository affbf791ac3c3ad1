"""Where this project's settings put the spool and the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from homologate.collection._store import FolderStore, Store

if TYPE_CHECKING:
    from homologate.settings import Settings

__all__ = ["open_store", "spool_of", "store_of"]


def open_store(address: str | Path) -> Store:
    """The store of an address: a folder, or `wasbs://…` in Azure Blob Storage.

    Raises:
        StorageError: no credential can be had.
        UsageError: an address of another scheme.
    """
    if "://" not in str(address):
        return FolderStore(address)
    from homologate.collection._blob import BlobStore

    return BlobStore(str(address))


def store_of(settings: Settings) -> Store:
    """The store the settings name; default `<home>/collected`. Raises as `open_store`."""
    return open_store(settings.collection.store or Path(settings.home) / "collected")


def spool_of(settings: Settings) -> Path:
    """The spool folder the settings name; default `<home>/spool`."""
    return Path(settings.collection.spool or Path(settings.home) / "spool")
