"""The public surface is what `__all__` says: complete, sorted, and real."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
VERB_FUNCTIONS = {"arguments", "run", "show"}


def modules() -> list[str]:
    """Every public module of the three rooms; verbs keep their own law."""
    found = []
    for base, package in ((ROOT / "src", "homologate"), (ROOT, "registry_promotion"), (ROOT, "serve")):
        for file in sorted((base / package).rglob("*.py")):
            parts = file.relative_to(base).with_suffix("").parts
            if not any(part.startswith("_") and part != "__init__" for part in parts) and "verbs" not in parts:
                found.append(".".join(part for part in parts if part != "__init__"))
    return found


def verbs() -> list[str]:
    return [
        ".".join(file.relative_to(base).with_suffix("").parts)
        for base in (ROOT / "src", ROOT)
        for file in sorted(base.glob("*/verbs/*.py"))
        if not file.name.startswith("_")
    ]


@pytest.mark.parametrize("name", modules())
def test_what_a_module_exports_is_listed_sorted_and_there(name: str) -> None:
    module = importlib.import_module(name)
    own = {
        attribute
        for attribute, value in vars(module).items()
        if not attribute.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == name
    }
    listed = getattr(module, "__all__", None)
    if listed is None:
        assert not own, f"{name} defines {sorted(own)} and has no __all__"
        return
    assert len(listed) == len(set(listed))
    assert own <= set(listed), f"{name} hides {sorted(own - set(listed))}"
    for attribute in listed:
        assert hasattr(module, attribute), f"{name}.__all__ promises {attribute}"


@pytest.mark.parametrize("name", verbs())
def test_a_verb_is_three_functions_and_a_page_of_help(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert all(callable(getattr(module, function, None)) for function in VERB_FUNCTIONS)
