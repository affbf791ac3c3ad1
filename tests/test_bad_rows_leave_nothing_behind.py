"""Bad rows end a command with one clear error and its exit code; the run is FAILED and nothing is half registered.

What each reader refuses in detail is held by tests/rows; here the whole `main` command is called, on a real server.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from homologate.cli import main as homologate
from homologate.tracking import Place, Tracker

HEAD = "id,text,label,date"
GOOD = [
    f"r{row},the {part} from lot {row} held at {100 + row} units,{label},2024-{1 + row // 28:02}-{1 + row % 28:02}"
    for row in range(60)
    for part, label in [(("hose", "lamp", "belt")[row % 3], "non-compliant" if row % 4 == 0 else "compliant")]
]


def table(*more: str, head: str = HEAD, rows: list[str] = GOOD) -> bytes:
    return "\n".join([head, *rows, *more, ""]).encode()


CASES: dict[str, tuple[bytes, str, str]] = {
    "a missing column": (table(head="id,words,label,date"), "no column 'text' for the text", "id, words, label"),
    "an unknown label": (table("x,the horn sounds,maybe,2024-05-01"), "unknown label 'maybe'", "line 62"),
    "an empty text": (table("x,,compliant,2024-05-01"), "the text is empty", "line 62, column 'text'"),
    "a text of a megabyte": (table(f"x,{'hose ' * 200_000},compliant,2024-05-01"), "999,999 characters", "line 62"),
    "a wrong encoding": (table() + "x,25 °C,compliant,2024-05-01\n".encode("latin-1"), "is not utf-8", "line 62"),
    "an id used twice": (table("r7,the horn sounds,compliant,2024-05-01"), "the id 'r7' is used twice", "line 9"),
    "one class only": (
        table(rows=[row for row in GOOD if "non-compliant" not in row]),
        "all 45 rows are labelled 'compliant'",
        "'non-compliant'",
    ),
    "fewer rows than a split needs": (table(rows=GOOD[:9]), "9 rows are too few to split", "at least 14 rows"),
    "a part without one of the labels": (
        table(rows=[row.replace("non-compliant", "compliant") if n < 50 else row for n, row in enumerate(GOOD)]),
        "none labelled 'non-compliant'",
        "rows of both labels in each of train, valid and test",
    ),
    "NaN for a text": (table("x,NaN,compliant,2024-05-01"), "the text is missing (found 'NaN')", "line 62"),
    "an impossible date": (table("x,the horn sounds,compliant,2024-02-30"), "'2024-02-30' is not a date", "line 62"),
}


@pytest.fixture
def main(
    mlflow_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[[bytes], tuple[int, Tracker]]:
    """Writes a table, runs `homologate main` on it, and gives back the exit code and a tracker to look with."""
    name = request.node.name
    home = tmp_path / "home"

    def run(content: bytes) -> tuple[int, Tracker]:
        (tmp_path / "parts.csv").write_bytes(content)
        columns = {"component": None, "manufacturer": None}
        data = {"source": str(tmp_path / "parts.csv"), "columns": columns, "split": {"near_duplicate_cosine": 1.0}}
        settings = {"model": "never-registered", "experiment": name, "home": str(home), "data": data}
        (tmp_path / "homologate.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
        code = homologate(["main", "--settings", str(tmp_path / "homologate.yaml"), "--json"])
        return code, Tracker(Place(mlflow_server, "server"), experiment=name, home=home)

    return run


@pytest.mark.parametrize("case", CASES)
def test_bad_rows_end_with_one_error_a_failed_run_and_no_version(
    case: str, main: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    content, problem, detail = CASES[case]
    code, tracker = main(content)
    told = capsys.readouterr()
    assert code == 3
    error = json.loads(told.out)["error"]
    assert error["type"] == "DataError"
    assert problem in error["message"]
    assert detail in " ".join(str(value) for value in error.values())
    assert error["place"]
    assert error["next"]
    assert f"homologate: {error['message']}" in told.err
    assert len(told.err) < 2000
    assert "Traceback" not in told.err

    experiment = tracker.client.get_experiment_by_name(tracker.experiment)
    assert experiment is not None
    runs = tracker.client.search_runs([experiment.experiment_id])
    assert {run.data.tags["homologate.step"]: run.info.status for run in runs} == {
        "main": "FAILED",
        "prepare": "FAILED",
    }
    assert all(problem in run.data.tags["homologate.error"] for run in runs)
    assert [file.path for run in runs for file in tracker.client.list_artifacts(run.info.run_id)] == []
    assert tracker.client.search_registered_models("name = 'never-registered'") == []
    assert not (tracker.home / "last.json").exists()
