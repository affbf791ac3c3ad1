"""Open the gate inside the server: its ledger in the registry's database, its evidence straight from the stores."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from homologate.errors import StorageError
from homologate.settings import Settings
from registry_promotion.evidence_source import MlflowEvidence, download
from registry_promotion.server._locations import served_location

__all__ = ["Later", "open_gate"]


def open_gate(settings: Settings, database: str) -> Any:
    """The gate of this server.

    Raises:
        UsageError: a policy is wrong.
        ServiceError: the ledger cannot be kept in this database.
    """
    from mlflow.server.handlers import _get_model_registry_store, _get_tracking_store

    from registry_promotion.gate import Gate
    from registry_promotion.ledger import Ledger
    from registry_promotion.opening import policies_of, signer_of

    source = MlflowEvidence(Later(_get_model_registry_store), Later(_get_tracking_store), settings.home, fetch_here)
    return Gate(
        Ledger(database), policies_of(settings), source, admins=settings.promotion.admins, signer=signer_of(settings)
    )


def fetch_here(location: str, scratch: Path) -> Path:
    """A folder of artifacts as this server itself sees it: in place on a local disk, else copied below `scratch`.

    Raises:
        StorageError: there is none.
    """
    real = served_location(location)
    if urlsplit(real).scheme not in ("", "file"):
        return download(real, scratch)
    path = Path(urlsplit(real).path if real.startswith("file:") else real)
    if not path.exists():
        raise StorageError("there are no artifacts at this place", place=location)
    return path


class Later:
    """A store that is asked for at each use: whichever one the server has open then, always a guarded one."""

    def __init__(self, opened: Callable[[], Any]) -> None:
        self._opened = opened

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened(), name)
