"""A plan, carried out by a child in the environment with Azure's SDK, whose pins cannot stand beside ours."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from homologate import errors
from homologate.errors import HomologateError, ServiceError
from serve.deploy import _azure_child

__all__ = ["PYTHON_VARIABLE", "carry_out"]

PYTHON_VARIABLE = "HOMOLOGATE_AZURE_PYTHON"
"""Names the interpreter of the environment of requirements/azure-ml.txt."""
DEFAULT_PYTHON = Path(".venv-azure/bin/python")


def carry_out(plan: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Let the child carry out a plan; what it found or made, as `deploy` returns it.

    Args:
        plan: `action` (`deploy`, `rollback`, `show`), where, and for a deployment what `deploy` puts into it.
        say: told what happens.

    Raises:
        HomologateError: of the kind that says what the child stopped at.
    """
    done: dict[str, Any] = {}
    last = ""
    with contextlib.closing(_child(plan)) as lines:
        for line in lines:
            if "say" in line:
                say(str(line["say"]))
            elif "error" in line:
                told = line["error"]
                kind = getattr(errors, str(told["kind"]), HomologateError)
                raise kind(told["message"], place=f"endpoint {plan['endpoint']}", next_command=told["next"])
            else:
                done, last = line.get("done", done), line.get("last", last)
    if not done:
        raise ServiceError(
            f"the process that speaks to Azure ended without an answer: {last or 'not a word'}",
            place=str(_python()),
            next_command="make azure  # builds its environment again",
        )
    return done


def _child(plan: dict[str, Any]) -> Generator[dict[str, Any], None, None]:
    """What the child tells, and at the end `{"last": …}`, the last line that it wrote where nobody reads."""
    command = [str(_python()), "-I", _azure_child.__file__]
    with (
        tempfile.TemporaryFile("w+", errors="replace") as aside,  # a pipe that nobody empties would hold the SDK up
        subprocess.Popen(  # noqa: S603 (our own file, the interpreter the operator named)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=aside, text=True
        ) as process,
    ):
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both were asked for")
        try:
            with contextlib.suppress(BrokenPipeError):  # it ended at once, and said why
                process.stdin.write(json.dumps(plan))
                process.stdin.close()
            for line in process.stdout:
                with contextlib.suppress(json.JSONDecodeError):  # the SDK prints as it likes
                    yield json.loads(line)
        finally:
            if process.poll() is None and sys.exc_info()[0] in {KeyboardInterrupt}:
                process.terminate()
        aside.seek(0)
        yield {"last": (aside.read().strip().splitlines() or [""])[-1][:300]}


def _python() -> Path:
    python = Path(os.environ.get(PYTHON_VARIABLE, DEFAULT_PYTHON))
    if not python.exists():
        raise ServiceError(
            "there is no environment with Azure ML's SDK",
            place=f"${PYTHON_VARIABLE} or {DEFAULT_PYTHON}",
            next_command="make azure  # builds it from requirements/azure-ml.txt",
        )
    return python
