"""A reproduction says what is not as it was, and holds only where bytes or metrics say so."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from homologate.errors import DataError, RefusedError
from homologate.evidence._items import columns_of
from homologate.scoring import open_scorer
from homologate.settings import DataSettings, Settings
from homologate.steps import reproduce as reproducing
from homologate.steps.champion import Judged
from homologate.steps.context import Context
from homologate.steps.past_code import PastCode, code_of
from homologate.steps.reproduce import differences, judged, reproduce
from homologate.tracking import Provenance

ROOT = Path(__file__).resolve().parents[1]
NOW = Provenance("a" * 40, False, f"sha256:{'b' * 64}", "3.11.7", "Linux", "here", 2, "EPYC")
TOLD = {
    "source": {"commit": "a" * 40, "dirty": False},
    "lock": {"digest": f"sha256:{'b' * 64}"},
    "host": {"name": "there", "platform": "Linux", "python": "3.11.7", "cpus": 2, "cpu": "EPYC"},
}
EXACT = PastCode(ROOT, True, "this very tree")


def test_nothing_is_said_to_differ_where_all_is_as_it_was() -> None:
    assert differences(TOLD, NOW, EXACT) == []


@pytest.mark.parametrize(
    ("told", "now", "code", "what"),
    [
        ({"source": {"commit": "a" * 40, "dirty": True}}, {}, {"exact": False}, "code"),
        ({"source": {"commit": "f" * 40, "dirty": False}}, {}, {"exact": False}, "code"),
        ({}, {"lock_digest": f"sha256:{'c' * 64}"}, {}, "lock of the environment"),
        ({"lock": {"digest": None}}, {}, {}, "lock of the environment"),
        ({}, {"python": "3.12.1"}, {}, "Python"),
        ({}, {"cpu": "Xeon"}, {}, "processor"),
        ({}, {"cores": 64}, {}, "processors"),
        ({}, {"platform": "Darwin"}, {}, "platform"),
    ],
)
def test_each_thing_that_is_not_as_it_was_is_named(
    told: dict[str, Any], now: dict[str, Any], code: dict[str, Any], what: str
) -> None:
    [found] = differences({**TOLD, **told}, NOW._replace(**now), EXACT._replace(**code))
    assert found["what"] == what
    assert found["then"] != found["now"]


def test_code_is_this_tree_a_commit_checked_out_or_the_code_of_today(tmp_path: Path) -> None:
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    commit = head.stdout.strip()
    clean, dirty = NOW._replace(commit=commit), NOW._replace(commit=commit, dirty=True)
    with code_of(commit, False, clean, tmp_path) as code:
        assert (code.folder, code.exact) == (ROOT, True)
    with code_of(commit, False, dirty, tmp_path) as code:
        assert code.folder != ROOT
        assert code.exact
        assert (code.folder / "src" / "homologate" / "__init__.py").exists()
    assert not code.folder.exists()
    with code_of(commit, True, clean, tmp_path) as code:
        assert not code.exact
        assert "without the changes that were never committed" in code.note
    with code_of("0" * 40, False, clean, tmp_path) as code:
        assert code == PastCode(
            ROOT, False, "commit 000000000000 is not in this repository, so the code of today was run"
        )
    with code_of(None, True, clean, tmp_path) as code:
        assert "no commit was recorded" in code.note


@pytest.fixture
def original(tiny_model: Path, rows: pd.DataFrame) -> Judged:
    """The tiny model and its answers to its test rows, as an evaluation keeps them."""
    test = rows[rows["split"] == "test"].assign(group=range(80), component="")
    scorer = open_scorer(tiny_model)
    facts = {
        "served": "fp32",
        "threshold": scorer.threshold,
        "labels": {"negative": "compliant", "positive": "non-compliant"},
        "items": columns_of(test, {"fp32": scorer.probabilities(test["text"].tolist()).astype(float)}),
    }
    return Judged(tiny_model, facts, rows)


@pytest.fixture
def context() -> Any:
    return SimpleNamespace(say=lambda _: None, settings=Settings(data=DataSettings(source="rows.csv")))


def test_the_same_bytes_hold(original: Judged, context: Any, tmp_path: Path) -> None:
    found = judged(original, shutil.copytree(original.directory, tmp_path / "again"), context, 0.0)
    assert found["holds"]
    assert found["verdict"].startswith("The same bytes again")
    assert (found["files"]["other"], found["flips"]) == ([], 0)


def test_other_bytes_hold_within_the_tolerance_and_not_beyond_it(
    original: Judged, context: Any, tmp_path: Path
) -> None:
    again = shutil.copytree(original.directory, tmp_path / "again")
    told = json.loads((again / "scorer.json").read_text())
    (again / "scorer.json").write_text(json.dumps({**told, "threshold": 0.999}))
    strict, loose = judged(original, again, context, 0.02), judged(original, again, context, 1.0)
    assert strict["files"]["other"] == ["scorer.json"]
    assert not strict["holds"]
    assert strict["verdict"].startswith("It does not hold: beyond 0.02 are ")
    assert "recall -" in strict["verdict"]
    assert loose["holds"]
    assert loose["verdict"].startswith("Not the same bytes, but it holds: every metric is within 1, ")


@pytest.mark.parametrize(
    ("reports", "kind", "why"),
    [
        ({}, RefusedError, "no training statement can be believed"),
        ({"training": {"data": {"fingerprint": f"sha256:{'0' * 64}"}}}, DataError, "it was trained on sha256:0000"),
    ],
)
def test_what_was_not_trained_on_these_rows_or_by_nobody_knows_whom_is_not_reproduced(
    original: Judged, context: Context, monkeypatch: pytest.MonkeyPatch, reports: Any, kind: type, why: str
) -> None:
    whole = original._replace(
        frame=original.frame.assign(date="", component="", manufacturer="", source="", cause_start=-1, cause_end=-1),
        reports=reports,
    )
    monkeypatch.setattr(reproducing, "fetched", lambda *_: whole)
    with pytest.raises(kind, match=why):
        reproduce(context, SimpleNamespace(version="1", tags={}), 0.02)
