"""Every attack in docs/gate.md names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_line_of_the_attack_table_names_a_test_that_exists() -> None:
    table = (ROOT / "docs" / "gate.md").read_text(encoding="utf-8").partition("## Attacks")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| attack ")]
    assert len(lines) > 15
    files = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    file = ""
    for line in lines:
        named = re.findall(r"`((?:[\w/]+\.py)?(?:::\w+)?)`", line.rsplit("|", 2)[1])
        assert named, line
        for name in named:
            path, _, test = name.partition("::")
            file = Path(path).name or file
            assert file in files, name
            assert not test or f"def {test}(" in files[file], f"{file}::{test}"
