"""One loopback workspace for every guarantee about Azure ML."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loopback.workspace import Workspace, workspace

from homologate.local import program

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def azure_ml(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A running stand-in for an Azure ML workspace."""
    with workspace(tmp_path_factory.mktemp("azure-ml")) as running:
        yield running


@pytest.fixture
def logged_in(azure_ml: Workspace, tmp_path: Path) -> dict[str, str]:
    """The environment of a shell that may use the workspace."""
    return azure_ml.environment(tmp_path / "bin")


@pytest.fixture(scope="session")
def azure_environment() -> Callable[[str], Path]:
    """The interpreter of an environment whose pins cannot stand beside ours, built once from its lock."""

    def built(name: str) -> Path:
        lock = ROOT / "requirements" / f"{name}.txt"
        digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "homologate-tests"
        folder = cache / f"{name}-{digest}"
        python = folder / "bin" / "python"
        if not (folder / ".built").exists():
            uv = program("uv")
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
            words = [uv, "pip", "install", "--quiet", "--python", str(python), "--no-deps", "--require-hashes"]
            subprocess.run([*words, "-r", str(lock)], check=True)
            (folder / ".built").touch()
        return python

    return built
