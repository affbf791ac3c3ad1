"""What a run was made from: commit, dirty flag, code, lock, host, interpreter."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from pathlib import Path
from typing import NamedTuple

__all__ = ["Provenance", "code_digest", "provenance"]

SOURCE_ROOT = Path(__file__).resolve().parents[1]
PROJECT_ROOT = SOURCE_ROOT.parents[1]


class Provenance(NamedTuple):
    """Facts about the making of a run, logged as tags and signed with the evidence."""

    commit: str
    """Git commit of the working tree, `unknown` outside one."""
    dirty: bool
    """Whether tracked files differ from that commit (also true where there is no commit)."""
    lock_digest: str
    """SHA-256 of requirements/lock.txt, `unknown` where the project was installed without it."""
    python: str
    platform: str
    host: str
    cores: int
    cpu: str = "unknown"
    """Model of the processor: another one may round otherwise."""

    def tags(self) -> dict[str, str]:
        """The facts as MLflow tags, under MLflow's own names where it has one."""
        return {
            "mlflow.source.git.commit": self.commit,
            "homologate.dirty": str(self.dirty).lower(),
            "homologate.lock_digest": self.lock_digest,
            "homologate.python": self.python,
            "homologate.platform": self.platform,
            "homologate.host": self.host,
            "homologate.cores": str(self.cores),
            "homologate.cpu": self.cpu,
        }


def provenance() -> Provenance:
    """Read the facts of this process and its working tree."""
    commit = _git("rev-parse", "HEAD")
    lock = PROJECT_ROOT / "requirements" / "lock.txt"
    return Provenance(
        commit=commit or "unknown",
        dirty=commit is None or bool(_git("status", "--porcelain", "--untracked-files=no")),
        lock_digest=f"sha256:{hashlib.sha256(lock.read_bytes()).hexdigest()}" if lock.exists() else "unknown",
        python=platform.python_version(),
        platform=platform.platform(),
        host=platform.node(),
        cores=len(os.sched_getaffinity(0)),
        cpu=_cpu(),
    )


def _cpu() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    named = [line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("model name")]
    return named[0] if named else platform.processor() or "unknown"


def code_digest(*parts: str) -> str:
    """SHA-256 over the Python and data files under `parts` of this package, by name and content.

    Args:
        parts: files or folders relative to the package (`dataset`, `settings.py`).
    """
    total = hashlib.sha256()
    for part in parts:
        root = SOURCE_ROOT / part
        files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
        for file in files:
            if "__pycache__" not in file.parts:
                total.update(str(file.relative_to(SOURCE_ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


def _git(*words: str) -> str | None:
    try:
        answer = subprocess.run(  # noqa: S603 (fixed words)
            ["git", "-C", str(PROJECT_ROOT), *words],  # noqa: S607 (git is found where the user has it)
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
