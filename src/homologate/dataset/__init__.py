"""Rows: read, check, mask, split, fingerprint, generate.

This room turns a source (a CSV, NHTSA's recall table, or the shipped generator) into one canonical frame
(docs/architecture.md, "Rows"), and refuses a source that is not what it must be. It knows nothing of models or of
MLflow; no torch, transformers or mlflow may be imported here.

pandas, pandera and scikit-learn load when a name is first used, not when this package is imported.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homologate.dataset._canonical import COLUMNS, check_rows
    from homologate.dataset._corrections import add_corrections
    from homologate.dataset._fingerprint import fingerprint
    from homologate.dataset._masking import mask_leaks
    from homologate.dataset._near_duplicates import near_duplicate_groups
    from homologate.dataset._read import read_rows
    from homologate.dataset._split import split_rows
    from homologate.dataset.synthetic import Fact, Pair, behavioural_pairs, generate, generate_with_facts

__all__ = [
    "COLUMNS",
    "Fact",
    "Pair",
    "add_corrections",
    "behavioural_pairs",
    "check_rows",
    "fingerprint",
    "generate",
    "generate_with_facts",
    "mask_leaks",
    "near_duplicate_groups",
    "read_rows",
    "split_rows",
]

_HOMES = {
    "COLUMNS": "_canonical",
    "Fact": "synthetic",
    "Pair": "synthetic",
    "add_corrections": "_corrections",
    "behavioural_pairs": "synthetic",
    "check_rows": "_canonical",
    "fingerprint": "_fingerprint",
    "generate": "synthetic",
    "generate_with_facts": "synthetic",
    "mask_leaks": "_masking",
    "near_duplicate_groups": "_near_duplicates",
    "read_rows": "_read",
    "split_rows": "_split",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
