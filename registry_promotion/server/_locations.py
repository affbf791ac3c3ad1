"""Where artifacts truly lie: every spelling of a place becomes one canonical text, so that places can be compared.

The guards compare places, never the texts people send. A place is `file:///…` with symbolic links resolved, or
`scheme://host/…` with dots, doubled slashes and percent-encoding undone. `mlflow-artifacts:` addresses become the place
they are served from. Case is folded: on some stores `Model` and `model` are one place, and refusing both costs nothing.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["Sealed", "inside", "place_of", "places_of", "roots", "served_location", "shown"]

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


class Sealed:
    """Places that may no longer change. What a question costs does not grow with their number.

    Args:
        places: canonical, as `place_of` writes them.
    """

    def __init__(self, places: Iterable[str] = ()) -> None:
        self._places = frozenset(places)
        self._above = {above: place for place in self._places for above in _above(place)}

    def touched_by(self, location: str) -> str | None:
        """The place that writing to (or deleting) `location` could change, or None.

        A write below a place changes it, and so does one to a folder that holds it.
        """
        for place in places_of(location):
            if (held := self._above.get(place)) is not None:
                return held
            for here in (place, *_above(place)):
                if here in self._places:
                    return here
        return None


def _above(place: str) -> Iterator[str]:
    """Every folder that holds a place, up to the root of its store."""
    scheme, mark, rest = place.partition("://")
    while "/" in rest and rest != "/":
        rest = rest.rpartition("/")[0]
        yield scheme + mark + (rest or "/")


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
