"""Open the gate inside the server: its ledger in the registry's database, its evidence straight from the stores."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from homologate.errors import StorageError
from homologate.settings import Settings
from registry_promotion.evidence_source import MlflowEvidence, download
from registry_promotion.server._locations import served_location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from homologate.attest import SigningKey
    from registry_promotion.policy import Policy

__all__ = ["open_gate", "policies_of"]


def open_gate(settings: Settings, database: str) -> Any:
    """The gate of this server.

    Raises:
        UsageError: a policy is wrong.
        ServiceError: the ledger cannot be kept in this database.
    """
    from mlflow.server.handlers import _get_model_registry_store, _get_tracking_store

    from registry_promotion.gate import Gate
    from registry_promotion.ledger import Ledger

    source = MlflowEvidence(_Later(_get_model_registry_store), _Later(_get_tracking_store), settings.home, fetch_here)
    return Gate(
        Ledger(database), policies_of(settings), source, admins=settings.promotion.admins, signer=_signer(settings)
    )


def _signer(settings: Settings) -> SigningKey | None:
    """The key that signs people's answers; None where this server was given none."""
    from homologate.attest import load_signing_key
    from homologate.attest.keys import SIGNING_KEY_VARIABLE

    if not os.environ.get(SIGNING_KEY_VARIABLE) and not (Path(settings.home) / "keys" / "signing.pem").exists():
        return None
    return load_signing_key(settings.home)


def policies_of(settings: Settings) -> Mapping[str, Policy]:
    """The policies the settings name: the shipped ones, the demonstration, or a folder's."""
    from registry_promotion.policy import load_policies, shipped_policies

    named = settings.promotion.policies
    if named in ("shipped", "demo"):
        return shipped_policies(demonstration=named == "demo")
    return load_policies(named)


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


class _Later:
    """A store that is opened at its first use, when it is certain to be the guarded one."""

    def __init__(self, opened: Callable[[], Any]) -> None:
        self._opened = opened

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened(), name)
