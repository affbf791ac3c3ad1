"""The queries of azure/queries name tables, events and fields that the server really sends to Application Insights."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUERIES = sorted((ROOT / "azure" / "queries").glob("*.kql"))
SERVER = ROOT / "serve" / "server"


def calls(name: str) -> list[ast.Call]:
    """Every call of a function or method of this name in the server."""
    found = []
    for file in sorted(SERVER.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
                found.append(node)
    return found


def first(call: ast.Call) -> Any:
    return call.args[0].value if isinstance(call.args[0], ast.Constant) else None


@pytest.mark.parametrize("file", QUERIES, ids=lambda file: file.stem)
def test_a_query_begins_with_a_sentence_and_reads_one_table_of_application_insights(file: Path) -> None:
    title, table, *_ = file.read_text().splitlines()
    assert title.startswith("// ")
    assert title.endswith(".")
    assert table in {"AppRequests", "AppTraces", "AppMetrics"}


def test_events_that_are_asked_for_are_events_the_server_logs() -> None:
    logged = {first(call): {word.arg for word in call.keywords} for call in calls("event")}
    text = (ROOT / "azure" / "queries" / "refused-models.kql").read_text()
    asked = re.findall(r"'([a-z]+_[a-z]+)'", text)
    assert set(asked) <= logged.keys()
    for field in re.findall(r"'homologate\.(\w+)'", text):
        assert any(field in logged[event] for event in asked), field


def test_metrics_that_are_asked_for_are_metrics_the_server_counts() -> None:
    counted = {first(call) for kind in ("counter", "observable_gauge", "histogram") for call in calls(f"create_{kind}")}
    for file in QUERIES:
        asked = re.findall(r"Name == '([^']+)'", file.read_text())
        assert set(asked) <= counted, file.stem
