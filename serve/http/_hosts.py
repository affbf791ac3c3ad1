"""By which names a request may call this process: no web page may reach it by a name of its own that points here."""

from __future__ import annotations

from collections.abc import Iterable

from homologate.errors import RefusedError
from serve.http._problem import Problem

__all__ = ["LOOPBACK", "Hosts"]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Hosts:
    """The names.

    Args:
        names: host names without port, in lower case; None lets a request name any.
    """

    def __init__(self, names: Iterable[str] | None) -> None:
        self.names = None if names is None else frozenset(names)

    def check(self, host: str) -> None:
        """Return where `host`, the header of a request, is one of the names.

        Raises:
            Problem: 421, it is not.
        """
        if self.names is not None and _name(host) not in self.names:
            legal = sorted(self.names)
            raise Problem(421, RefusedError(f"this server is not {host!r:.100}", place="header Host", legal=legal))


def _name(host: str) -> str:
    """`[::1]:5000` → `[::1]`, `localhost:5000` → `localhost`."""
    return (host[: host.find("]") + 1] if host.startswith("[") else host.partition(":")[0]).lower()
