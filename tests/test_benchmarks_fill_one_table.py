"""Every benchmark ends up in one table: a line a budget, replaced when measured again, and a miss is never hidden."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The real runner over a folder of small benchmarks."""
    source = importlib.util.spec_from_file_location("run", ROOT / "benchmarks" / "run.py")
    assert source is not None
    assert source.loader is not None
    run = importlib.util.module_from_spec(source)
    source.loader.exec_module(run)
    monkeypatch.setattr(run, "HERE", tmp_path)
    monkeypatch.setattr(run, "PAGE", tmp_path / "performance.md")
    benchmark(tmp_path, "fast", "print('fast | 1.10 × | at most 2 × | ok')")
    benchmark(tmp_path, "slow", "print('a note')\nprint('slow | 3.00 × | at most 2 × | FAIL')\nraise SystemExit(1)")
    return run


def benchmark(folder: Path, name: str, program: str) -> None:
    (folder / f"bench_{name}.py").write_text(program, encoding="utf-8")


def rows(runner: ModuleType) -> list[str]:
    lines: list[str] = runner.PAGE.read_text(encoding="utf-8").splitlines()
    return [line for line in lines[lines.index("|---|---|---|---|---|") + 1 :] if line]


def test_all_are_run_and_one_miss_fails_the_whole(runner: ModuleType) -> None:
    assert runner.main([]) == 1
    fast, slow = rows(runner)
    assert fast.startswith("| fast | 1.10 × | at most 2 × | ok | fast, ")
    assert slow.startswith("| slow | 3.00 × | at most 2 × | FAIL | slow, ")


def test_one_alone_replaces_its_lines_and_leaves_the_others(runner: ModuleType, tmp_path: Path) -> None:
    runner.main([])
    before = rows(runner)
    benchmark(tmp_path, "slow", "print('slow | 1.50 × | at most 2 × | ok')\nprint('slower | 1 | at most 2 | ok')")
    assert runner.main(["slow"]) == 0
    after = rows(runner)
    assert after[0] == before[0]
    assert [line.split(" | ")[1] for line in after[1:]] == ["1.50 ×", "1"]


def test_one_that_dies_is_a_line_too(runner: ModuleType, tmp_path: Path) -> None:
    benchmark(tmp_path, "slow", "raise SystemExit(3)")
    assert runner.main(["slow"]) == 1
    assert rows(runner)[0].startswith("| bench_slow | did not finish, exit code 3 | | FAIL | slow, ")


def test_lines_of_a_benchmark_that_is_gone_go_with_it(runner: ModuleType, tmp_path: Path) -> None:
    runner.main([])
    (tmp_path / "bench_slow.py").unlink()
    runner.main(["fast"])
    assert len(rows(runner)) == 1


def test_an_unknown_name_lists_those_there_are(runner: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["medium"]) == 2
    assert "no benchmark 'medium'; there are: fast, slow" in capsys.readouterr().err
