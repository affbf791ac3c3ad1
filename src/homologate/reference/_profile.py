"""A version's past, whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homologate.reference._sample import Sample
from homologate.reference._words import Vocabulary

__all__ = ["Profile"]


@dataclass(frozen=True)
class Profile:
    """What production is compared with.

    Attributes:
        facts: a summary for people and other programs; nothing is decided on it.
        vocabulary: the words of the training texts.
        held_out: the texts of the valid and test splits, which the weights never saw, as the version answered them.
    """

    facts: Mapping[str, Any]
    vocabulary: Vocabulary
    held_out: Sample

    def files(self) -> dict[str, bytes]:
        """The files it is kept as; the same profile gives the same bytes."""
        from homologate.reference._files import files_of

        return files_of(self)
