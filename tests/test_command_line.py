"""The command line teaches, answers in one shape, and ends with the exit code its error promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from homologate import errors
from homologate.cli import declared_commands, main
from homologate.commands import GROUPS, Command


def homologate(*words: str, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    program = [sys.executable, "-m", "homologate", *words]
    return subprocess.run(
        program, capture_output=True, text=True, cwd=cwd, env={**os.environ, **environment}, timeout=120, check=False
    )


def test_help_lists_every_verb_once_in_the_order_of_the_loop(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    names = [command.name for command in declared_commands()]
    assert len(names) == len(set(names))
    for command in declared_commands():
        assert f"  {command.name} " in page
        assert command.summary in page
    titles = [title for title in GROUPS.values() if title in page]
    assert [page.index(title) for title in titles] == sorted(page.index(title) for title in titles)


@pytest.mark.parametrize("command", declared_commands(), ids=lambda command: command.name)
def test_every_verb_teaches_itself(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command.name, "--help"])
    assert ended.value.code == 0
    page = capsys.readouterr().out
    assert page.startswith(f"usage: homologate {command.name}")
    assert "--json" in page


def test_an_unknown_verb_suggests_the_nearest_and_ends_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evalute"]) == 2
    told = capsys.readouterr().err
    assert "no command 'evalute'" in told
    assert "next:  homologate evaluate --help" in told


def test_an_error_is_one_json_shape_on_stdout_and_a_sentence_on_stderr(tmp_path: Path) -> None:
    answer = homologate("prepare", "--json", cwd=tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert answer.returncode == errors.TrackingError.exit_code
    shape = json.loads(answer.stdout)["error"]
    assert shape.keys() == {"type", "message", "place", "legal", "next"}
    assert shape["type"] == "TrackingError"
    assert "no MLflow server answers at http://127.0.0.1:9" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_command_without_any_server_says_how_to_start_one(tmp_path: Path) -> None:
    answer = homologate("prepare", cwd=tmp_path)
    assert answer.returncode == errors.TrackingError.exit_code
    assert "next:  homologate up" in answer.stderr


def test_every_error_has_its_own_exit_code_and_survives_pickling() -> None:
    import pickle

    kinds = [errors.HomologateError, *errors.HomologateError.__subclasses__()]
    codes = [kind.exit_code for kind in kinds]
    assert len(codes) == len(set(codes))
    assert 0 not in codes
    for kind in kinds:
        error = kind("value 7 is wrong", place="rows.csv, line 2", legal=["1", "2"], next_command="homologate x")
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 (our own bytes; errors cross process borders)
        assert (
            str(again)
            == str(error)
            == "value 7 is wrong\n  where: rows.csv, line 2\n  legal: 1, 2\n  next:  homologate x"
        )


def test_a_closed_pipe_is_not_an_error() -> None:
    answer = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m homologate settings --schema | head -1"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert answer.stdout == "{\n"
    assert "Traceback" not in answer.stderr


def test_where_answers_before_anything_was_started(tmp_path: Path) -> None:
    facts = json.loads(homologate("where", "--json", cwd=tmp_path).stdout)
    assert facts["tracking_uri"] is None
    assert facts["model"] == "component-classifier"
    assert facts["artifact_root"] == str(tmp_path / ".homologate" / "artifacts")
    assert not (tmp_path / ".homologate").exists()
