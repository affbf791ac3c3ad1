"""One loopback workspace for every guarantee about Azure ML."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from loopback.kept import kept
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

        def install(folder: Path) -> None:
            uv = program("uv")
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True)
            words = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin" / "python")]
            subprocess.run([*words, "--no-deps", "--require-hashes", "-r", str(lock)], check=True)

        return kept(f"{name}-{digest}", install) / "bin" / "python"

    return built
