"""Where artifacts truly lie: every spelling of a place becomes one canonical text, so that places can be compared.

The guards compare places, never the texts people send. A place is `file:///…` with symbolic links resolved, or
`scheme://host/…` with dots, doubled slashes and percent-encoding undone. `mlflow-artifacts:` addresses become the place
they are served from. Case is folded: on some stores `Model` and `model` are one place, and refusing both costs nothing.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["inside", "place_of", "places_of", "roots", "served_location", "shown", "touches"]

_PROXIED = ("mlflow-artifacts", "http", "https")
_ANCHOR = "/mlflow-artifacts/artifacts/"


def place_of(location: str) -> str:
    """The canonical place of an artifact location (a URI or a local path), percent-encoding left as it is."""
    parts = urlsplit(location)
    if (served := served_location(location)) != location:
        return place_of(served)
    if parts.scheme in ("", "file") or len(parts.scheme) == 1:
        path = parts.path if parts.scheme == "file" else location
        return "file://" + os.path.realpath(os.path.abspath(path or "/")).casefold()
    path = posixpath.normpath("/" + parts.path.lstrip("/"))
    return f"{parts.scheme}://{parts.netloc}{'' if path == '/' else path}".casefold()


def places_of(location: str) -> Iterator[str]:
    """Every place a location may mean to a store that decodes `%xx` once, twice or not at all."""
    seen: set[str] = set()
    while location not in seen:
        seen.add(location)
        yield place_of(location)
        location = unquote(location)


def inside(place: str, root: str) -> bool:
    """Whether `place` is `root` or lies below it. Both canonical."""
    return place == root or place.startswith(root.rstrip("/") + "/")


def touches(location: str, roots: frozenset[str]) -> str | None:
    """The one of `roots` that writing to (or deleting) `location` could change, or None.

    A write below a root changes it, and so does one to a folder that holds it.
    """
    for place in places_of(location):
        for root in roots:
            if inside(place, root) or inside(root, place):
                return root
    return None


def roots() -> frozenset[str]:
    """The places this server stores artifacts in, from the way it was started."""
    from mlflow.server.constants import ARTIFACT_ROOT_ENV_VAR, ARTIFACTS_DESTINATION_ENV_VAR

    named = (os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR), os.environ.get(ARTIFACT_ROOT_ENV_VAR))
    return frozenset(place_of(location) for location in named if location)


def shown(place: str) -> str:
    """A place as people outside may see it: below the artifact root, without where this server keeps that."""
    for root in roots():
        if inside(place, root):
            return "artifacts:" + (place.removeprefix(root) or "/")
    return place.partition(":")[0] + ":…"


def served_location(location: str) -> str:
    """The location behind an address that this server proxies; any other location as it is."""
    from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR

    parts, destination = urlsplit(location), os.environ.get(ARTIFACTS_DESTINATION_ENV_VAR)
    if destination is None or parts.scheme not in _PROXIED:
        return location
    if parts.scheme == "mlflow-artifacts":
        relative = parts.path.lstrip("/")
    elif _ANCHOR in parts.path:
        relative = parts.path.partition(_ANCHOR)[2].lstrip("/")
    else:
        return location
    if urlsplit(destination).scheme in ("", "file"):
        return str(Path(urlsplit(destination).path) / relative)
    return posixpath.join(destination, relative)
