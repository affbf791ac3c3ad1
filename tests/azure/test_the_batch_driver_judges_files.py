"""The batch endpoint's script in its locked environment, on real files: every row once, in order, by approved bytes."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from homologate.attest import digest_of
from homologate.model_directory import build
from homologate.scorer import Scorer
from serve.deploy import scoring_code

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["The lamp from lot 7 cracked below the limit at 61 units.", "", "The hose, lot 12,\nheld above the limit."]
DRIVE = """
import sys
import batch_driver
batch_driver.init()
batch_driver.run(sys.argv[2:]).to_json(sys.argv[1], orient="records")
"""
Drive = Callable[..., tuple[int, str, Path]]


@pytest.fixture(scope="module")
def mounted(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`AZUREML_MODEL_DIR` with a registered folder in it."""
    mount = tmp_path_factory.mktemp("azureml-models")
    build(tiny_model, mount / "model", reference={}, texts=TEXTS[:1], run_id="0" * 32, metadata={})
    return mount


@pytest.fixture(scope="module")
def drive(azure_environment: Callable[[str], Path], mounted: Path, tmp_path_factory: pytest.TempPathFactory) -> Drive:
    """Runs the driver as Azure's batch runner does: `init`, then `run` with the paths of one mini batch."""
    code = scoring_code(tmp_path_factory.mktemp("code") / "code", ROOT / "azure" / "batch" / "batch_driver.py")

    def driven(*files: Path, digest: str | None = None) -> tuple[int, str, Path]:
        out = tmp_path_factory.mktemp("out") / "rows.json"
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(code),
            "AZUREML_MODEL_DIR": str(mounted),
            "HOMOLOGATE_DIGEST": digest or digest_of(mounted / "model"),
            "HOMOLOGATE_VERSION": "7",
            "AZUREML_BI_OUTPUT_PATH": str(out.parent),
        }
        words = [str(azure_environment("azure-online")), "-c", DRIVE, str(out), *map(str, files)]
        done = subprocess.run(words, env=environment, cwd=code, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr, out

    return driven


def test_every_row_of_every_kind_of_file_comes_out_once_in_order_with_who_judged_it(
    drive: Drive, mounted: Path, tmp_path: Path
) -> None:
    table = pd.DataFrame({"id": ["a", "b", "c"], "text": TEXTS})
    table.to_csv(tmp_path / "rows.csv", index=False)
    table.to_json(tmp_path / "rows.jsonl.gz", orient="records", lines=True)
    table.to_parquet(tmp_path / "rows.parquet")
    files = [tmp_path / name for name in ("rows.csv", "rows.jsonl.gz", "rows.parquet")]
    code, said, out = drive(*files)
    assert code == 0, said
    rows = json.loads(out.read_text())
    assert [(row["file"], row["row"]) for row in rows] == [(file.name, n) for file in files for n in range(3)]
    scorer = Scorer(mounted / "model")
    for row in rows:
        assert (row["version"], row["digest"]) == ("7", digest_of(mounted / "model"))
        text = TEXTS[row["row"]]
        if text:
            assert row["label"] == scorer.answer(text).label
            assert row["probability"] == pytest.approx(scorer.answer(text).probability, abs=1e-6)
            assert row["fault"] == ""
        else:
            assert row["label"] is None
            assert "empty" in row["fault"]
    rejects = sorted(out.parent.glob("*.rejects.jsonl"))
    assert [file.name.partition(".rejects")[0].rpartition(".")[0] for file in rejects] == sorted(f.name for f in files)
    for file in rejects:
        [told] = map(json.loads, file.read_text().splitlines())
        assert (told["row"], told["values"]["id"]) == (1, "b")
        assert "empty" in told["reason"]


def test_a_row_that_is_none_is_set_aside_and_its_neighbours_are_judged(drive: Drive, tmp_path: Path) -> None:
    good = json.dumps({"text": TEXTS[0]})
    folders = [tmp_path / "monday", tmp_path / "tuesday"]
    for folder in folders:
        folder.mkdir()
        (folder / "rows.jsonl").write_bytes(
            f'{good}\n{{"text": "a\n[1]\n{{"words": "b"}}\n'.encode() + b'{"text": "\xff"}\n'
        )
    code, said, out = drive(*(folder / "rows.jsonl" for folder in folders))
    assert code == 0, said
    rows = json.loads(out.read_text())
    assert [(row["row"], row["label"] is not None) for row in rows] == [(n, n == 0) for n in (*range(5), *range(5))]
    faults = ("not JSON", "where an object belongs", "no column 'text'", "not valid Unicode")
    for row, says in zip(rows[1:5], faults, strict=True):
        assert says in row["fault"]
    kept = [
        [json.loads(line)["row"] for line in f.read_text().splitlines()] for f in out.parent.glob("*.rejects.jsonl")
    ]
    assert kept == [[1, 2, 3, 4]] * 2, "files of one name keep their own"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("rows.csv", b"id,word\na,b\n", "no column 'text'"),
        ("rows.xlsx", b"PK", "no format for"),
        ("rows.parquet", b"PAR1", "not Parquet"),
        ("rows.csv.gz", gzip.compress(b"text\n" + b"a hose\n" * 4000)[:40], "cannot read"),
    ],
    ids=["no text", "another kind", "half a file", "cut short"],
)
def test_a_file_that_cannot_be_judged_fails_the_job_and_is_named(
    drive: Drive, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    code, said, out = drive(tmp_path / name)
    assert code != 0
    assert says in said
    assert name in said
    assert not out.exists()


def test_bytes_that_were_not_approved_judge_nothing(drive: Drive, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text\na hose\n")
    code, said, out = drive(tmp_path / "rows.csv", digest=f"sha256:{'0' * 64}")
    assert (code != 0, "approved was" in said, out.exists()) == (True, True, False)
