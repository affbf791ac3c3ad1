"""A source that is not what it must be is refused by one error that says where, what, and what would be legal."""

from __future__ import annotations

import gzip
from pathlib import Path

import pandas as pd
import pytest

from homologate.dataset import check_rows, read_rows
from homologate.errors import DataError
from homologate.settings import ColumnSettings, DataSettings, LabelSettings

GOOD = "id,text,label,date\na,the hose held,compliant,2024-01-02\nb,the hose burst,non-compliant,2024-01-03\n"


def refused(path: Path, content: str | bytes = GOOD, **settings: object) -> str:
    """Write `content`, read it, and give back the text of the error."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    with pytest.raises(DataError) as caught:
        read_rows(DataSettings(source=str(path), **settings))  # type: ignore[arg-type]
    return str(caught.value)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "parts.csv"


def test_a_row_with_an_unknown_label_names_file_line_column_and_value(source: Path) -> None:
    said = refused(source, GOOD + "c,the lamp shone,okay,2024-01-04\n")
    assert "unknown label 'okay'" in said
    assert f"{source}, line 4, column 'label'" in said
    assert "'compliant' or 'non-compliant'" in said
    assert "data.labels" in said


def test_lines_are_counted_as_an_editor_counts_them(source: Path) -> None:
    said = refused(source, 'id,text,label\n\na,"two\nlines",compliant\n\nb,x,wrong\n')
    assert "line 6" in said


def test_the_column_is_named_as_the_source_names_it(source: Path) -> None:
    columns = ColumnSettings(text="description", label="verdict")
    said = refused(source, "description,verdict\nthe hose held,perhaps\n", columns=columns)
    assert "column 'verdict'" in said


def test_a_missing_column_is_named_with_the_columns_there_are(source: Path) -> None:
    said = refused(source, "id,words,label\na,the hose held,compliant\n")
    assert "no column 'text' for the text" in said
    assert "id, words, label" in said
    assert "data.columns.text" in said


def test_an_optional_column_that_was_asked_for_must_exist(source: Path) -> None:
    said = refused(source, GOOD, columns=ColumnSettings(manufacturer="maker"))
    assert "no column 'maker' for the manufacturer" in said


@pytest.mark.parametrize("text", ["", "   ", '"\n"'])
def test_an_empty_text_is_refused(source: Path, text: str) -> None:
    said = refused(source, GOOD + f"c,{text},compliant,\n")
    assert "the text is empty" in said
    assert "line 4, column 'text'" in said


@pytest.mark.parametrize("text", ["NaN", "null", "N/A", "None"])
def test_what_other_programs_write_for_nothing_is_no_description(source: Path, text: str) -> None:
    said = refused(source, GOOD + f"c,{text},compliant,\n")
    assert f"the text is missing (found {text!r})" in said


def test_a_text_of_a_megabyte_is_refused_without_being_printed(source: Path) -> None:
    said = refused(source, GOOD + f"c,{'hose ' * 200_000},compliant,\n")
    assert "999,999 characters" in said
    assert "line 4, column 'text'" in said
    assert "at most 20,000" in said
    assert len(said) < 500


def test_the_longest_legal_text_is_read(source: Path) -> None:
    source.write_text(GOOD + f"c,{'x' * 100},compliant,\n")
    frame = read_rows(DataSettings(source=str(source), max_text_characters=100))
    assert frame["text"].str.len().max() == 100
    assert "101 characters" in refused(source, GOOD + f"c,{'x' * 101},compliant,\n", max_text_characters=100)


def test_an_id_used_twice_names_both_lines(source: Path) -> None:
    said = refused(source, GOOD + "a,the lamp shone,compliant,2024-01-04\n")
    assert "the id 'a' is used twice" in said
    assert "line 2" in said
    assert "again at line 4" in said


@pytest.mark.parametrize("date", ["2024-02-30", "03/04/2024", "20240102", "2024-1-2"])
def test_an_impossible_date_is_refused(source: Path, date: str) -> None:
    said = refused(source, GOOD + f"c,the lamp shone,compliant,{date}\n")
    assert f"'{date}' is not a date" in said
    assert "YYYY-MM-DD" in said


def test_one_class_only_is_refused(source: Path) -> None:
    said = refused(source, "text,label\nthe hose held,compliant\nthe lamp shone,compliant\n")
    assert "all 2 rows are labelled 'compliant'" in said
    assert "'non-compliant'" in said


def test_dates_that_leave_one_class_are_refused(source: Path) -> None:
    assert "one class cannot be told" in refused(source, GOOD, since="2024-01-03")
    assert "no rows are left" in refused(source, GOOD, since="2025-01-01")


def test_a_wrong_encoding_names_line_and_byte(source: Path) -> None:
    said = refused(source, (GOOD + "c,25 °C in the chamber,compliant,\n").encode("latin-1"))
    assert "byte 0xb0 is not utf-8" in said
    assert f"{source}, line 4" in said
    assert "data.encoding" in said


def test_an_unknown_encoding_is_refused(source: Path) -> None:
    assert "no encoding is called 'utf-9'" in refused(source, GOOD, encoding="utf-9")


def test_a_row_with_too_few_or_too_many_fields_is_named(source: Path) -> None:
    assert "2 fields where the header has 4" in refused(source, GOOD + "c,the lamp shone\n")
    said = refused(source, GOOD + "c,bright, but hot,compliant,2024-01-04\n")
    assert "5 fields where the header has 4" in said
    assert "line 4" in said


def test_an_open_quote_is_named_by_the_line_it_opens_on(source: Path) -> None:
    said = refused(source, GOOD + 'c,"never closed,compliant,2024-01-04\nd,x,compliant,\n')
    assert "not CSV" in said
    assert "line 4" in said


@pytest.mark.parametrize(("content", "problem"), [("", "is empty"), ("id,text,label\n", "a header and no rows")])
def test_a_file_without_rows_is_refused(source: Path, content: str, problem: str) -> None:
    assert problem in refused(source, content)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*nowhere\.csv"):
        read_rows(DataSettings(source=str(tmp_path / "nowhere.csv")))


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read the file"):
        read_rows(DataSettings(source=str(tmp_path), layout="csv"))


def test_a_truncated_gzip_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress((GOOD * 200).encode())
    said = refused(tmp_path / "parts.csv.gz", whole[: len(whole) // 2])
    assert "damaged or cut short" in said
    assert "gzip -t" in said


def test_a_gzip_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "damaged or cut short" in refused(tmp_path / "parts.csv.gz", GOOD)


def test_a_name_that_tells_no_layout_asks_for_one(tmp_path: Path) -> None:
    said = refused(tmp_path / "parts.xlsx")
    assert "cannot tell the layout" in said
    assert "data.layout" in said


def test_only_the_first_fault_is_described_and_the_rest_are_counted(source: Path) -> None:
    said = refused(source, GOOD + "c,,compliant,\nd,x,what,\ne,y,compliant,never\n")
    assert "the text is empty (2 more rows are at fault)" in said


def test_nan_in_a_frame_is_refused() -> None:
    frame = pd.DataFrame(
        {
            **{name: ["", ""] for name in ("id", "date", "component", "manufacturer", "source")},
            "text": ["the hose held", None],
            "label": ["compliant", "compliant"],
            "cause_start": [-1, -1],
            "cause_end": [-1, -1],
        }
    )
    with pytest.raises(DataError) as caught:
        check_rows(frame, LabelSettings(), place="a frame")
    assert "the text is missing" in str(caught.value)
    assert "row 1" in str(caught.value)


def test_a_cause_outside_its_text_is_refused() -> None:
    frame = pd.DataFrame(
        {
            **{name: [""] for name in ("id", "date", "component", "manufacturer", "source")},
            "text": ["short"],
            "label": ["compliant"],
            "cause_start": [2],
            "cause_end": [9],
        }
    )
    with pytest.raises(DataError, match=r"cause span 2\.\.9 is outside the text"):
        check_rows(frame, LabelSettings(), place="a frame")


def test_a_frame_without_a_column_is_refused() -> None:
    with pytest.raises(DataError, match="column"):
        check_rows(pd.DataFrame({"text": ["x"]}), LabelSettings(), place="a frame")
