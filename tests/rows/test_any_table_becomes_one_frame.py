"""Whatever the columns of a source are called, the frame that leaves this room is the canonical one."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from homologate.dataset import COLUMNS, check_rows, read_rows
from homologate.settings import ColumnSettings, DataSettings, LabelSettings

RECALLS = Path(__file__).resolve().parents[3] / "shared" / "data" / "recalls_us.csv.gz"
RENAMED = ColumnSettings(text="what", label="verdict", id="no", date="day", component="kind", manufacturer="maker")
TABLE = """no,what,verdict,day,kind,maker
2,the hose burst,bad,2024-03-01,hoses,Rubber & Co
1,the hose held,good,2024-03-01,hoses,
3,"the lamp, cold, shone",good,2024-01-01,lamps,Vell
"""


def written(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    return str(path)


@pytest.fixture
def frame(tmp_path: Path) -> pd.DataFrame:
    source = written(tmp_path / "t.csv", TABLE.encode())
    return read_rows(
        DataSettings(source=source, columns=RENAMED, labels=LabelSettings(positive="bad", negative="good"))
    )


def test_columns_and_labels_are_found_by_configuration(frame: pd.DataFrame) -> None:
    assert tuple(frame.columns) == COLUMNS
    assert frame["id"].tolist() == ["3", "1", "2"], "sorted by date, then id"
    assert frame["text"].tolist()[0] == "the lamp, cold, shone"
    assert frame["manufacturer"].tolist() == ["Vell", "", "Rubber & Co"]
    assert set(frame["source"]) == {"t.csv"}
    assert frame["cause_start"].tolist() == [-1, -1, -1]
    assert frame["cause_start"].dtype == "int64"
    assert frame.index.tolist() == [0, 1, 2]


def test_a_frame_passes_its_own_check(frame: pd.DataFrame) -> None:
    check_rows(frame, LabelSettings(positive="bad", negative="good"), place="again")


def test_text_and_label_are_enough(tmp_path: Path) -> None:
    content = "text,label\nheld,compliant\nburst,non-compliant\nheld,compliant\n"
    frame = read_rows(DataSettings(source=written(tmp_path / "t.csv", content.encode())))
    assert frame["id"].is_unique
    assert (frame["id"] != "").all()
    assert set(frame["date"]) == {""}


def test_made_ids_depend_on_the_row_and_not_on_its_place(tmp_path: Path) -> None:
    rows = ["held,compliant", "burst,non-compliant", "leaked,non-compliant"]
    ids = []
    for order in (rows, rows[::-1]):
        source = written(tmp_path / "t.csv", "\n".join(["text,label", *order]).encode())
        frame = read_rows(DataSettings(source=source))
        ids.append(dict(zip(frame["text"], frame["id"], strict=True)))
    assert ids[0] == ids[1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings_are_read_as_named(tmp_path: Path, encoding: str) -> None:
    content = "text,label\n25 °C in the chamber,compliant\nburst,non-compliant\n".encode(encoding)
    named = "utf-8" if encoding == "utf-8-sig" else encoding
    frame = read_rows(DataSettings(source=written(tmp_path / "t.csv", content), encoding=named))
    assert "25 °C in the chamber" in set(frame["text"])


def test_gzip_and_line_ends_of_other_systems_are_read(tmp_path: Path) -> None:
    content = gzip.compress(b"text,label\r\nheld,compliant\r\nburst,non-compliant\r\n")
    frame = read_rows(DataSettings(source=written(tmp_path / "t.csv.gz", content)))
    assert frame["label"].tolist().count("compliant") == 1
    assert not frame["label"].str.contains("\r").any()


def test_since_is_included_and_until_is_not(tmp_path: Path) -> None:
    days = [f"row {day},{'compliant' if day % 2 else 'non-compliant'},2024-01-0{day}" for day in range(1, 8)]
    source = written(tmp_path / "t.csv", "\n".join(["text,label,date", *days, "undated,compliant,"]).encode())
    frame = read_rows(DataSettings(source=source, since="2024-01-03", until="2024-01-06"))
    assert frame["date"].tolist() == ["2024-01-03", "2024-01-04", "2024-01-05"]
    assert len(read_rows(DataSettings(source=source))) == 8


@pytest.mark.skipif(not RECALLS.exists(), reason=f"the recall texts are not at {RECALLS}")
def test_real_recall_texts_load_by_configuration_alone() -> None:
    labels = LabelSettings(positive="non-compliant", negative="defect-only")
    frame = read_rows(DataSettings(source=str(RECALLS), labels=labels))
    assert len(frame) == 1300
    assert (frame["label"] == "non-compliant").sum() == 223
    assert (frame["manufacturer"] == "").sum() == 18
    assert frame["date"].is_monotonic_increasing
    assert len(read_rows(DataSettings(source=str(RECALLS), labels=labels, until="2016-01-01"))) == 1233
