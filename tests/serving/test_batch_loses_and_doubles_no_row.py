"""`homologate score`: every row once, in order, judged as if alone, in constant memory, through any kill."""

from __future__ import annotations

import csv
import gzip
import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homologate.attest import digest_of
from homologate.batch import Model, score_file
from homologate.cli import main
from homologate.errors import DataError, StorageError, UsageError
from homologate.local import program
from homologate.scorer import Scorer

ROOT = Path(__file__).resolve().parents[2]
APPENDED = ["label", "probability", "threshold", "model_version", "digest"]


def text_of(number: int) -> str:
    verdict = "cracked below" if number % 3 == 0 else "held above"
    return f"The hose from lot {number} {verdict} the limit at {50 + number % 90} units." + " Tested twice." * (
        number % 5
    )


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as the file's name says."""
    if file.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    elif ".jsonl" in file.name:
        data = "".join(json.dumps(row) + "\n" for row in rows).encode()
        file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    else:
        opened = gzip.open if file.suffix == ".gz" else open
        with opened(file, "wt", encoding="utf-8", newline="") as sink:
            writer = csv.DictWriter(sink, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    return file


def read(file: Path) -> list[dict[str, Any]]:
    """Rows as dicts, numbers as numbers."""
    if file.suffix == ".parquet":
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(file).to_pylist()
        return rows
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "rt", encoding="utf-8", newline="") as source:
        if ".jsonl" in file.name:
            return [json.loads(line) for line in source]
        return [{**row, "probability": float(row["probability"])} for row in csv.DictReader(source)]


@pytest.fixture(scope="module")
def model(model_directory: Path) -> Model:
    return Model(model_directory, "7", digest_of(model_directory))


@pytest.mark.parametrize("into", ["csv", "csv.gz", "jsonl", "jsonl.gz", "parquet"])
@pytest.mark.parametrize("out_of", ["csv", "csv.gz", "jsonl", "parquet"])
def test_every_format_leads_to_every_format(
    out_of: str, into: str, model: Model, model_directory: Path, tmp_path: Path
) -> None:
    texts = [text_of(number) for number in range(40)]
    source = write(tmp_path / f"in.{out_of}", [{"lot": str(n), "text": text} for n, text in enumerate(texts)])
    facts = score_file(source, tmp_path / f"out.{into}", model)
    rows = read(tmp_path / f"out.{into}")
    assert [row["text"] for row in rows] == texts
    assert [row["lot"] for row in rows] == [str(n) for n in range(40)]
    assert list(rows[0]) == ["lot", "text", *APPENDED]
    scorer = Scorer(model_directory)
    for row, answer in zip(rows, map(scorer.answer, texts), strict=True):
        assert row["label"] == answer.label
        assert row["probability"] == pytest.approx(answer.probability, abs=1e-6)
        assert (row["model_version"], row["digest"]) == ("7", model.digest)
    assert facts["rows"] == 40
    assert facts["rejected"] == 0
    assert facts["rejects"] is None
    assert sum(facts["labels"].values()) == 40
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"in.{out_of}", f"out.{into}"]


def test_int8_is_judged_one_text_at_a_time_to_the_bit(model: Model, model_directory: Path, tmp_path: Path) -> None:
    texts = [text_of(number) for number in range(60)]
    source = write(tmp_path / "in.jsonl", [{"text": text} for text in texts])
    score_file(source, tmp_path / "out.jsonl", model, precision="int8")
    scorer = Scorer(model_directory, "int8")
    assert [row["probability"] for row in read(tmp_path / "out.jsonl")] == [scorer.answer(t).probability for t in texts]


def test_parquet_keeps_its_types(model: Model, tmp_path: Path) -> None:
    table = pyarrow.table(
        {"n": pyarrow.array([1, None], pyarrow.int32()), "text": ["lamp", "hose"], "ok": [True, False]}
    )
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    score_file(tmp_path / "in.parquet", tmp_path / "out.parquet", model, explain=True)
    schema = pyarrow.parquet.read_schema(tmp_path / "out.parquet")
    assert schema.field("n").type == pyarrow.int32()
    assert schema.field("ok").type == pyarrow.bool_()
    words = pyarrow.parquet.read_table(tmp_path / "out.parquet")["words"].to_pylist()
    assert words[0][0]["text"] == "lamp"


def test_bad_rows_are_set_aside_with_place_and_reason_and_the_others_keep_their_order(
    model: Model, tmp_path: Path
) -> None:
    lines = [
        b"id,text,maker",
        b'1,"a lamp, cracked\nin two lines",x',
        b"2,,x",
        b"3,a hose",
        b"4,a be\xfflt,x",
        b"5,a mirror,x\xe9",
        b"6,   ,x",
        b"7," + b"long " * 5000 + b",x",
        b"8,a seat,x",
        b"",
        b"9,\xe2\x80\x8b,x",
        b"10,a horn,x,y",
        b"11,a tyre,x",
    ]
    (tmp_path / "in.csv").write_bytes(b"\n".join(lines) + b"\n")
    facts = score_file(tmp_path / "in.csv", tmp_path / "out.csv", model)
    assert [row["id"] for row in read(tmp_path / "out.csv")] == ["1", "8", "11"]
    rejects = read(tmp_path / "out.csv.rejects.jsonl")
    told = {row["values"]["id"]: (row["place"], row["reason"]) for row in rejects}
    assert list(told) == ["2", "3", "4", "5", "6", "7", "9", "10"]
    assert told["2"] == ("line 4", "'' is empty")
    assert told["3"] == ("line 5", "2 fields where the header has 3")
    assert "column 'text' is not in the encoding" in told["4"][1]
    assert "column 'maker' is not in the encoding" in told["5"][1]
    assert "empty" in told["6"][1]
    assert "at most 20000" in told["7"][1]
    assert "nothing the tokeniser reads" in told["9"][1]
    assert told["10"] == ("line 13", "4 fields where the header has 3")
    assert [row["row"] for row in rejects] == [2, 3, 4, 5, 6, 7, 9, 10]
    assert (facts["rows"], facts["rejected"]) == (3, 8)


def test_bad_lines_of_json_are_set_aside(model: Model, tmp_path: Path) -> None:
    lines = [
        '{"text": "a lamp"}',
        "{",
        "[1]",
        '{"words": "a"}',
        '{"text": null}',
        '{"text": 3.5}',
        '{"text": "\\ud83d"}',
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    score_file(tmp_path / "in.jsonl", tmp_path / "out.jsonl", model)
    assert len(read(tmp_path / "out.jsonl")) == 1
    reasons = [row["reason"] for row in read(tmp_path / "out.jsonl.rejects.jsonl")]
    assert [
        any(word in reason for reason in reasons) for word in ("not JSON", "list", "no column", "NoneType", "float")
    ]
    assert len(reasons) == 6


def test_columns_of_the_input_are_never_overwritten(model: Model, tmp_path: Path) -> None:
    write(tmp_path / "in.csv", [{"text": "a lamp", "label": "compliant", "predicted_label": "old"}])
    score_file(tmp_path / "in.csv", tmp_path / "out.csv", model)
    (row,) = read(tmp_path / "out.csv")
    assert (row["label"], row["predicted_label"]) == ("compliant", "old")
    assert row["predicted_predicted_label"] in {"compliant", "non-compliant"}


def test_words_are_appended_on_request(model: Model, model_directory: Path, tmp_path: Path) -> None:
    write(tmp_path / "in.csv", [{"text": text_of(3)}])
    score_file(tmp_path / "in.csv", tmp_path / "out.csv", model, explain=True)
    (row,) = read(tmp_path / "out.csv")
    expected = Scorer(model_directory).answer(text_of(3), explain=True).words
    assert [word["text"] for word in json.loads(row["words"])] == [word.text for word in expected]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=12))
def test_every_row_of_any_file_is_judged_or_set_aside_once(
    model: Model, tmp_path_factory: Any, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    write(folder / "in.csv", [{"id": str(n), "text": text} for n, text in enumerate(texts)])
    score_file(folder / "in.csv", folder / "out.csv", model)
    kept = {row["id"]: row["text"] for row in read(folder / "out.csv")}
    rejects = folder / "out.csv.rejects.jsonl"
    aside = {row["values"]["id"]: row["values"]["text"] for row in (read(rejects) if rejects.exists() else [])}
    assert not kept.keys() & aside.keys()
    assert list(map(int, kept)) == sorted(map(int, kept))
    together = kept | aside
    assert [together[str(n)] for n in range(len(texts))] == texts


def test_a_killed_job_goes_on_and_ends_as_if_it_had_never_been_killed(
    model: Model, model_directory: Path, tmp_path: Path
) -> None:
    rows = [{"id": str(n), "text": text_of(n) if n % 50 else ""} for n in range(12_000)]
    source = write(tmp_path / "in.csv", rows)
    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    command = [program("homologate"), "score", str(source), str(out), "--model", str(model_directory), "--json"]
    chance = random.Random(5)
    resumed = 0
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        notes = sum(1 for _ in out.with_name("out.csv.parts").glob("*[0-9].json"))
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            if sum(1 for _ in out.with_name("out.csv.parts").glob("*[0-9].json")) > notes:
                time.sleep(chance.random() * 0.2)
                process.send_signal(signal.SIGKILL)
                resumed += 1
                break
            time.sleep(0.005)
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    if resumed == 3 and not out.exists():
        raise AssertionError(done.stderr)
    assert resumed >= 1
    score_file(source, whole, Model(model_directory, "unregistered", model.digest))
    assert out.read_bytes() == whole.read_bytes()
    assert (
        out.with_name("out.csv.rejects.jsonl").read_bytes() == whole.with_name("whole.csv.rejects.jsonl").read_bytes()
    )
    assert not out.with_name("out.csv.parts").exists()


def test_an_unfinished_job_of_another_kind_is_never_mixed_in(model: Model, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [{"text": text_of(n)} for n in range(5)])
    parts = tmp_path / "out.csv.parts"
    parts.mkdir()
    (parts / "job.json").write_text(json.dumps({"schema": 1, "input": "another"}))
    with pytest.raises(UsageError, match="input, model, version, options differ") as raised:
        score_file(source, tmp_path / "out.csv", model)
    assert "--restart" in str(raised.value)
    assert score_file(source, tmp_path / "out.csv", model, restart=True)["rows"] == 5


def test_nothing_is_overwritten_and_what_is_missing_is_named(model: Model, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [{"text": "a lamp"}])
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(UsageError, match="exists already"):
        score_file(source, tmp_path / "out.csv", model)
    assert (tmp_path / "out.csv").read_text() == "mine"
    with pytest.raises(DataError, match="no file"):
        score_file(tmp_path / "none.csv", tmp_path / "new.csv", model)
    with pytest.raises(UsageError, match=r"no format for 'new\.xlsx'") as raised:
        score_file(source, tmp_path / "new.xlsx", model)
    assert ".parquet" in str(raised.value)
    with pytest.raises(DataError, match="no column 'description'") as missing:
        score_file(source, tmp_path / "new.csv", model, text_column="description")
    assert "legal: text" in str(missing.value)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("in.csv", b"", "empty"),
        ("in.csv", b"text,text\na,b\n", "stands there twice"),
        ("in.csv", b'text\n"never closed\n' + b"a\n" * 100, "quote"),
        ("in.csv.gz", gzip.compress(b"text\na lamp\n" * 100, mtime=0)[:-20], "cannot read"),
        ("in.csv.gz", b"text\na\n", "cannot read"),
        ("in.jsonl", b"{\n", "no row"),
        ("in.parquet", b"PAR1 not really", "not Parquet"),
    ],
)
def test_a_broken_file_is_an_error_that_says_how(
    name: str, data: bytes, said: str, model: Model, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=said):
        score_file(tmp_path / name, tmp_path / "out.jsonl", model)
    assert not (tmp_path / "out.jsonl").exists()


def test_a_disk_that_is_full_keeps_what_is_done(model_directory: Path, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", [{"text": text_of(n)} for n in range(3000)])
    out = tmp_path / "out.csv"
    words = [program("homologate"), "score", str(source), str(out), "--model", str(model_directory)]
    # A limit on file size is a disk that will not take more: the same OSError from the same write.
    limited = ["bash", "-c", 'trap "" XFSZ; ulimit -f 150; exec "$0" "$@"', *words]
    done = subprocess.run(limited, capture_output=True, text=True)
    assert done.returncode == StorageError.exit_code, done.stderr
    assert "goes on where it stopped" in done.stderr
    again = subprocess.run([*words, "--json"], capture_output=True, text=True, check=True)
    assert json.loads(again.stdout)["rows"] == 3000
    assert len(read(out)) == 3000


def test_memory_does_not_grow_with_the_file(model_directory: Path, tmp_path: Path) -> None:
    peaks = []
    for count in (3_000, 30_000):
        source = write(tmp_path / f"in-{count}.csv", [{"text": text_of(n % 100)} for n in range(count)])
        words = ["score", str(source), str(tmp_path / f"out-{count}.csv"), "--model", str(model_directory)]
        code = (
            "import resource, sys; from homologate.cli import main; assert main(sys.argv[1:]) == 0; "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stdout)"
        )
        done = subprocess.run([program("python"), "-c", code, *words], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.splitlines()[-1]) / 1024)
    assert peaks[1] < peaks[0] + 15


def test_the_command_says_what_it_did(
    model_directory: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = write(tmp_path / "in.csv", [{"Beschreibung": "a lamp"}, {"Beschreibung": ""}])
    out = tmp_path / "out.parquet"
    words = ["score", str(source), str(out), "--model", str(model_directory), "--text-column", "Beschreibung"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "1 rows scored by model version unregistered" in told.out
    assert "1 rows set aside" in told.out
    assert "in.csv" in told.err  # the progress bar
    assert main(["score", str(source), str(tmp_path / "b.csv"), "--model", "models:/x/Prod"]) == UsageError.exit_code
    assert "runs:/<run id>/model" in capsys.readouterr().err


def test_a_batch_job_is_a_run_with_its_counts(model_directory: Path, mlflow_server: str, tmp_path: Path) -> None:
    import mlflow

    source = write(tmp_path / "in.csv", [{"text": text_of(n) if n else ""} for n in range(30)])
    settings_file = tmp_path / "settings.yaml"
    settings_file.write_text(json.dumps({"home": str(tmp_path / "home"), "experiment": "batches"}))
    # Through the entry point, as a scheduler starts it.
    given = {"input": source, "output": tmp_path / "out.csv", "model": model_directory, "precision": "int8"}
    words = [word for name, value in {**given, "settings": settings_file}.items() for word in ("-P", f"{name}={value}")]
    project = ["run", str(ROOT), "-e", "score_batch", "--env-manager", "local", "--experiment-name", "batches"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": mlflow_server}
    done = subprocess.run([program("mlflow"), *project, *words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    client = mlflow.MlflowClient(tracking_uri=mlflow_server)
    experiment = client.get_experiment_by_name("batches").experiment_id
    (run,) = client.search_runs([experiment])
    rows = read(tmp_path / "out.csv")
    assert run.info.status == "FINISHED"
    assert (run.data.metrics["rows"], run.data.metrics["rejected"]) == (29, 1)
    positive = sum(row["label"] == "non-compliant" for row in rows)
    assert run.data.metrics.get("label_non-compliant", 0) == positive
    assert run.data.tags["homologate.digest"] == digest_of(model_directory)
    assert run.data.params["precision"] == "int8"
    (artifact,) = client.list_artifacts(run.info.run_id)
    assert artifact.path == "score"
    # The same job again is refused, and says so in its run.
    again = subprocess.run([program("mlflow"), *project, *words], capture_output=True, text=True, env=environment)
    assert again.returncode != 0
    newest, _ = client.search_runs([experiment], order_by=["start_time DESC"])
    assert newest.info.status == "FAILED"
    assert "exists already" in newest.data.tags["homologate.error"]
