"""What training needs of a tracked run. `homologate.tracking` provides it; this room does not import it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Run"]


class Run(Protocol):
    """One open run of the tracking server."""

    def params(self, values: Mapping[str, Any], /) -> None:
        """Record what was decided."""

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Record what was measured after `step` optimiser steps."""

    def figure(self, figure: Any, path: str, /) -> None:
        """Record a matplotlib figure."""

    def folder(self, local: str | os.PathLike[str], path: str, /) -> None:
        """Record a folder, file by file."""

    def json(self, facts: Mapping[str, Any], path: str, /) -> None:
        """Record facts."""
