"""What docs/evidence.md and the shipped policies read is there, under exactly these names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
ONLY_GENERATED = {"limit_crossed"}
CHOICES = {
    "{p}": ("fp32", "int8"),
    "{s}": ("component", "manufacturer", "length"),
    "{r}": ("accuracy", "miss_rate"),
    "{served}": ("fp32",),
}


def _documented(kind: str) -> list[str]:
    table = PAGE.split("### What the facts contain")[1].split(f"`{kind}`:")[1].split("\n\n")[1]
    paths: list[str] = []
    for row in table.splitlines()[2:]:
        for path in re.findall(r"`([^`]+)`", row.split("|")[1]):
            paths.append(paths[-1].rpartition(".")[0] + path if path.startswith(".") else path)
    return [path for path in paths if not ONLY_GENERATED & set(path.split("."))]


def _follow(facts: Mapping[str, Any], path: str) -> None:
    for placeholder, choices in CHOICES.items():
        if placeholder in path:
            for choice in choices:
                _follow(facts, path.replace(placeholder, choice))
            return
    found: Any = facts
    for name in path.split("."):
        assert isinstance(found, Mapping), path
        assert name in found, f"{path}: no {name!r}, only {', '.join(found)}"
        found = found[name]


@pytest.mark.parametrize(("kind", "least"), [("evaluation", 30), ("explanation", 30), ("comparison", 20)])
def test_every_documented_path_is_in_the_facts(kind: str, least: int, request: pytest.FixtureRequest) -> None:
    facts = request.getfixturevalue(kind)
    paths = _documented(kind)
    assert len(paths) > least
    for path in ["schema", "kind", "subject.digest", "verdict", "model", "cautions", *paths]:
        _follow(facts, path)


@pytest.mark.parametrize("kind", ["evaluation", "explanation", "comparison"])
def test_every_key_of_the_facts_is_documented(kind: str, request: pytest.FixtureRequest) -> None:
    said = {path.split(".")[0] for path in _documented(kind)}
    common = {"schema", "kind", "subject", "verdict", "model", "cautions", "labels"}
    assert set(request.getfixturevalue(kind)) - common - said == set()


def test_every_path_a_shipped_policy_reads_is_in_the_facts(
    evaluation: dict[str, Any], explanation: dict[str, Any]
) -> None:
    policies = sorted((ROOT / "registry_promotion" / "policies").glob("*.yaml"))
    texts = [file.read_text(encoding="utf-8") for file in policies]
    read = {path for text in texts for path in re.findall(r"reads: \"?([\w.{}]+)", text)}
    facts = {"evaluation": evaluation, "explanation": explanation}
    followed = 0
    for path in read:
        kind, _, rest = path.partition(".")
        if kind in facts:
            _follow(facts[kind], rest.split(".{each}")[0])
            followed += 1
    assert followed > 8
