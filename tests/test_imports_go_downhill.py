"""The house stands on its lowest room: imports go downhill only, and heavy libraries stay where they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = {
    "homologate": ROOT / "src" / "homologate",
    "registry_promotion": ROOT / "registry_promotion",
    "serve": ROOT / "serve",
}
FORBIDDEN_ROOMS = {
    "homologate": {"registry_promotion", "serve"},
    "registry_promotion": {"serve"},
    "serve": {"registry_promotion"},
}
TORCH = {"torch", "transformers", "pytorch_lightning", "safetensors"}
HEAVY = {
    "torch",
    "transformers",
    "pytorch_lightning",
    "mlflow",
    "pandas",
    "sklearn",
    "scipy",
    "onnxruntime",
    "matplotlib",
}


def imports_of(file: Path) -> Iterator[tuple[str, int, int]]:
    """Every imported module of a file: name, relative level, line."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, 0, node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level, node.lineno


def offences(folder: Path, forbidden: set[str], *, skip: str = "") -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in sorted(folder.rglob("*.py"))
        if not skip or skip not in file.relative_to(folder).parts
        for name, level, line in imports_of(file)
        if not level and name.split(".")[0] in forbidden
    ]


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_imports_one_above_it_or_beside_it(room: str) -> None:
    assert offences(ROOMS[room], FORBIDDEN_ROOMS[room]) == []


def test_torch_lives_in_the_classifier_room_alone() -> None:
    assert offences(ROOMS["homologate"], TORCH, skip="classifier") == []
    assert offences(ROOMS["registry_promotion"], TORCH) == []
    assert offences(ROOMS["serve"], TORCH) == []


def test_the_scorer_imports_nothing_it_cannot_take_along() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "onnxruntime", "tokenizers"}
    for file in sorted((ROOMS["homologate"] / "scorer").rglob("*.py")):
        for name, level, line in imports_of(file):
            assert level == 1 or (level == 0 and name.split(".")[0] in allowed), f"{file.name}:{line} imports {name}"


def test_the_attestation_room_verifies_without_mlflow_torch_or_pandas() -> None:
    assert offences(ROOMS["homologate"] / "attest", {"mlflow", "pandas", *TORCH}) == []


def test_only_the_tracking_room_and_the_steps_before_it_write_runs() -> None:
    """Rooms that measure know nothing of MLflow: whoever calls them logs."""
    for room in ("dataset", "classifier", "evidence", "scorer"):
        assert offences(ROOMS["homologate"] / room, {"mlflow"}) == []


def test_asking_for_help_loads_nothing_heavy() -> None:
    probe = f"""
import sys
from homologate.cli import declared_commands, overview, parser_of
import importlib
commands = declared_commands()
overview({{command.name: command for command in commands}})
for command in commands:
    parser_of(command, importlib.import_module(command.module)).format_help()
print(sorted({HEAVY!r} & {{name.split('.')[0] for name in sys.modules}}))
"""
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
