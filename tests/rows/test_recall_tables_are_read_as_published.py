"""NHTSA's FLAT_RCL layout: one row a campaign, its label from the standard it names, its text without the verdict."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from homologate.dataset import read_rows
from homologate.errors import DataError
from homologate.settings import DataSettings, LabelSettings

LABELS = LabelSettings(positive="non-compliant", negative="defect-only")


def line(
    campaign: str,
    defect: str = "The hose may chafe and leak.",
    *,
    standard: str = "",
    date: str = "20140102",
    model: str = "AH75",
    component: str = "SERVICE BRAKES, HYDRAULIC:FOUNDATION COMPONENTS:HOSES",
    fields: int = 27,
) -> str:
    values = {
        0: "1", 1: campaign, 2: "ALTEC", 3: model, 4: "2013", 6: component, 7: "ALTEC INDUSTRIES", 10: "V", 14: "Altec Industries, Inc.",
        15: date, 18: standard, 19: defect, 20: "A leak lengthens the stopping distance.", 21: "Altec will notify owners.",
    }  # fmt: skip
    return "\t".join(values.get(place, "") for place in range(fields))


def table(path: Path, *lines: str) -> DataSettings:
    path.write_bytes("".join(f"{text}\r\n" for text in lines).encode("latin-1"))
    return DataSettings(source=str(path), labels=LABELS)


@pytest.fixture
def settings(tmp_path: Path) -> DataSettings:
    return table(
        tmp_path / "FLAT_RCL.txt",
        line("14V001000"),
        line("14V001000", model="AH85"),
        line("14V002000", "The lamp is too dim at 25 °C.", date="20140105", component="EXTERIOR LIGHTING"),
        line("14V002000", "The lamp is too dim at 25 °C.", standard="108", date="20140105", model="AH100"),
    )


def test_a_campaign_is_one_row_however_many_models_it_names(settings: DataSettings) -> None:
    frame = read_rows(settings)
    assert frame["id"].tolist() == ["14V001000", "14V002000"]
    assert frame["date"].tolist() == ["2014-01-02", "2014-01-05"]
    assert frame["component"].tolist() == ["SERVICE BRAKES, HYDRAULIC", "EXTERIOR LIGHTING"]
    assert set(frame["manufacturer"]) == {"Altec Industries, Inc."}


def test_a_standard_on_any_line_makes_the_campaign_a_breach(settings: DataSettings) -> None:
    assert read_rows(settings)["label"].tolist() == ["defect-only", "non-compliant"]


def test_text_is_defect_and_consequence_in_latin_1_without_the_remedy(settings: DataSettings) -> None:
    text = read_rows(settings)["text"].tolist()[1]
    assert text == "The lamp is too dim at 25 °C. A leak lengthens the stopping distance."


@pytest.mark.parametrize("fields", [23, 24, 27, 29])
def test_extracts_of_every_age_are_read(tmp_path: Path, fields: int) -> None:
    lines = [line(f"14V00{n}000", standard="571" if n else "", fields=fields) for n in range(2)]
    assert len(read_rows(table(tmp_path / "FLAT_RCL.txt", *lines))) == 2


def test_the_published_archive_is_read(tmp_path: Path, settings: DataSettings) -> None:
    archive = tmp_path / "FLAT_RCL_POST_2010.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.write(settings.source, "FLAT_RCL_POST_2010.txt")
    assert len(read_rows(DataSettings(source=str(archive), labels=LABELS))) == 2


def test_another_number_of_fields_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_rows(table(tmp_path / "FLAT_RCL.txt", line("14V001000"), "14V002000\tonly\tthree"))
    assert "3 tab-separated fields" in str(caught.value)
    assert "line 2" in str(caught.value)
    assert "23 to 29 fields" in str(caught.value)


def test_a_campaign_without_a_description_is_left_out(tmp_path: Path) -> None:
    settings = table(tmp_path / "r.txt", line("14V001000"), line("14V002000", standard="108"), line("14V003000"))
    lines = Path(settings.source).read_text(encoding="latin-1").splitlines()
    values = lines[2].split("\t")
    values[19] = values[20] = ""
    settings = table(tmp_path / "r.txt", *lines[:2], "\t".join(values))
    assert read_rows(settings)["id"].tolist() == ["14V001000", "14V002000"]


def test_unknown_dates_are_empty(tmp_path: Path) -> None:
    settings = table(tmp_path / "r.txt", line("1", date="99999999"), line("2", standard="108", date=""))
    assert read_rows(settings)["date"].tolist() == ["", ""]


def test_a_hundred_thousand_lines_stream_through_flat_memory(tmp_path: Path) -> None:
    path = tmp_path / "FLAT_RCL.txt"
    with path.open("w", encoding="latin-1") as out:
        for number in range(200):
            standard = "108" if number % 5 == 0 else ""
            for model in range(500):
                out.write(line(f"14V{number:03d}000", standard=standard, model=f"M{model}") + "\n")
    tracemalloc.start()
    frame = read_rows(DataSettings(source=str(path), labels=LABELS))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(frame) == 200
    assert path.stat().st_size > 15e6
    assert peak < 8e6, "memory grows with campaigns, not with lines"
