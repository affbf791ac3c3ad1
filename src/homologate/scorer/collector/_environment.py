"""Collection for a stock server, switched on by environment variables because it knows no settings file.

    HOMOLOGATE_COLLECT           the spool folder; unset keeps nothing
    HOMOLOGATE_COLLECT_PRIVACY   `full`, `redacted` (default) or `hash`
    HOMOLOGATE_COLLECT_MODEL     the model's name, and
    HOMOLOGATE_COLLECT_VERSION   its version, where the directory was not fetched from a registry

MLflow leaves `registered_model_meta` in a directory it fetched from a registry; the digest is computed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ._collector import Collector
from ._privacy import Privacy
from ._record import Judge
from ._spool import Spool

__all__ = ["VARIABLE", "collector_from_environment", "judge_of"]

VARIABLE = "HOMOLOGATE_COLLECT"
META = "registered_model_meta"


def collector_from_environment(environment: Mapping[str, str] = os.environ) -> Collector | None:
    """The collector the environment asks for, or None.

    Raises:
        ValueError: no such form of privacy.
    """
    folder = environment.get(VARIABLE)
    return Collector(Spool(folder), Privacy(environment.get(f"{VARIABLE}_PRIVACY", "redacted"))) if folder else None


def judge_of(directory: str, labels: tuple[str, str], environment: Mapping[str, str] = os.environ) -> Judge:
    """What a model directory is called in records."""
    told: dict[str, str] = {}
    meta = Path(directory) / META
    if meta.is_file():
        lines = (line.partition(":") for line in meta.read_text(encoding="utf-8").splitlines())
        told = {key.strip(): value.strip().strip("'\"") for key, _, value in lines}
    return Judge(
        environment.get(f"{VARIABLE}_MODEL") or told.get("model_name") or "unregistered",
        environment.get(f"{VARIABLE}_VERSION") or told.get("model_version") or "0",
        _digest(Path(directory)),
        labels,
        "pyfunc",
    )


def _digest(directory: Path) -> str:
    """As `homologate.attest.digest`, without its checks, and without what MLflow added when fetching."""
    names = [
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and path.name != META and "__pycache__" not in path.parts
    ]
    whole = hashlib.sha256()
    for name in sorted(names, key=lambda name: PurePosixPath(name).parts):
        with open(directory / name, "rb") as stream:
            whole.update(hashlib.file_digest(stream, "sha256").digest())
    return f"sha256:{whole.hexdigest()}"
