"""What a version's evaluation promised, read from the evidence it was registered with."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from homologate.settings import Settings
from homologate.tracking import tracking_uri
from homologate.versions import ModelVersion, obtain, open_registry, parse_reference

__all__ = ["directory_of", "named", "promise_of", "version_in_production"]

EVIDENCE_TAG = "homologate.evidence_run"


def version_in_production(settings: Settings) -> str:
    """The number of the version in Production. Raises as `named`."""
    return named(settings, "Production").number


def promise_of(settings: Settings, number: str) -> dict[str, Any] | None:
    """The evaluation facts of a version; None where it was registered without evidence. Raises as `named`."""
    version = named(settings, number)
    run = version.tags.get(EVIDENCE_TAG)
    if not run:
        return None
    with tempfile.TemporaryDirectory() as scratch:
        open_registry(_uri(settings)).download(f"runs:/{run}/evidence/evaluation", Path(scratch))
        found = next(Path(scratch).rglob("evaluation.json"))
        facts: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    return facts


def directory_of(settings: Settings, which: str) -> Path:
    """The model directory of a version, fetched and verified. Raises as `named` and `homologate.versions.obtain`."""
    return obtain(named(settings, which), open_registry(_uri(settings)), Path(settings.home))


def named(settings: Settings, which: str) -> ModelVersion:
    """The version of the settings' model that a number or a stage names.

    Raises:
        ModelError: there is none.
        TrackingError: the registry does not answer.
    """
    return open_registry(_uri(settings)).resolve(parse_reference(f"models:/{settings.model}/{which}"))


def _uri(settings: Settings) -> str:
    from homologate.local import Services

    local = Services(Path(settings.home)).running().get("mlflow")
    return tracking_uri(local.url if local else None).uri
