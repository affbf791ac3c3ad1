"""The technicians' pages of a demonstration: our server, which knows one technician by a key, and the app before it.

Who asks is part of what these pages show, so even a demonstration has somebody: their key is made once and kept where
only the owner of this home reads. Real homes start both commands themselves, with keys of real people.

The commands of another room are named here and never imported. No mlflow, torch or pandas may be imported either.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from homologate.accounts import kept_private, write_private
from homologate.errors import ServiceError
from homologate.local import HOST, Service, Services, program
from homologate.settings import Settings

__all__ = ["KEY", "PAGES", "SCORING", "start_pages"]

SCORING, SCORING_PORT = "scoring", 5100
PAGES, PAGES_PORT = "pages", 5200
TECHNICIAN = "demo-technician"
KEY = "technician.key"
"""The file in the home that holds the technician's key."""

KEYS, SETTINGS = "technicians.txt", "technicians.json"


def start_pages(
    settings: Settings, model: str, environment: Mapping[str, str], *, say: Callable[[str], None]
) -> Service:
    """Start what is not running of the two; what serves another version or other settings is replaced.

    Args:
        settings: the project's.
        model: the version to serve, as `models:/name/number`.
        environment: how the server reads the registry.
        say: told what happens.

    Returns:
        The pages.

    Raises:
        ServiceError: one of them would not start.
        StorageError: the home cannot be written.
    """
    home = Path(settings.home).absolute()
    services = Services(home)
    told = json.dumps({**settings.model_dump(mode="json"), "home": str(home)}, sort_keys=True)
    write_private(home / SETTINGS, told)  # YAML holds JSON
    named = ["--settings", str(home / SETTINGS), "--host", HOST]
    _keep_key(home)

    def serve(port: int) -> list[str]:
        keys = ["--api-keys", str(home / KEYS)]
        return [program("homologate"), "serve", model, *named, *keys, "--port", str(port)]

    about = f"{model}, settings {hashlib.sha256(told.encode()).hexdigest()[:12]}"
    common = {"about": about, "ready": "/health", "environment": environment, "say": say}
    server = services.start(SCORING, serve, port=SCORING_PORT, **common)  # type: ignore[arg-type]

    def web(port: int) -> list[str]:
        return [program("homologate"), "web", "--server", server.url, *named, "--port", str(port)]

    common["about"] = f"{about}, before {server.url}"
    return services.start(PAGES, web, port=PAGES_PORT, **common)  # type: ignore[arg-type]


def _keep_key(home: Path) -> None:
    """Make the technician's key, once."""
    if (home / KEY).exists() and (home / KEYS).exists():
        return
    (home / KEYS).unlink(missing_ok=True)
    (home / KEY).unlink(missing_ok=True)
    words = [program("homologate"), "key", TECHNICIAN, "--file", str(home / KEYS), "--json"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 (our own words)
    if done.returncode:
        raise ServiceError(f"no key for the technician: {done.stderr.strip()[:200]}", place=str(home / KEYS))
    kept_private(home / KEY, json.loads(done.stdout)["key"] + "\n")
