"""The docs promise only what is there: every page, test, benchmark, command and setting they name exists."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from homologate.cli import declared_commands

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.M)
}


def relative(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_file_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(
        r"`((?:tests|benchmarks|docs|src|examples|requirements|registry_promotion|serve)/[\w./-]+)`", text
    )
    linked = [link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link]
    missing = [name for name in named if not (ROOT / name).exists()]
    missing += [link for link in linked if not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_test_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8")))
    assert named - TESTS == set()


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_command_a_page_shows_is_a_command(page: Path) -> None:
    known = {command.name for command in declared_commands()}
    shown = set(re.findall(r"(?:^|`|\$ )homologate ([a-z]+)\b", page.read_text(encoding="utf-8"), re.M))
    assert shown - known == set()


def test_the_reference_is_what_the_code_would_write() -> None:
    source = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert source is not None
    assert source.loader is not None
    generate = importlib.util.module_from_spec(source)
    source.loader.exec_module(generate)
    assert generate.PAGE.read_text(encoding="utf-8") == generate.page(), "run `make docs`"


def test_every_make_task_the_readme_names_is_a_task() -> None:
    tasks = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    assert set(re.findall(r"`make ([a-z]+)`", (ROOT / "README.md").read_text(encoding="utf-8"))) <= tasks
