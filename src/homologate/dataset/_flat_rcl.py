"""Rows from NHTSA's recall table, FLAT_RCL, in the layout published as RCL.txt.

Tab-separated, no header, no quoting, latin-1, one line per campaign × make × model × year × component. The fields
that identify the manufacturer's part were added over the years (24th in 2008, 25th to 27th later, 28th and 29th in
2025), so older extracts are shorter.

A campaign becomes one row: NHTSA repeats its text on every line. It is of the positive class where any of its lines
names a Federal Motor Vehicle Safety Standard (field FMVSS), the public sign that a breach of a regulation was
declared and not only a defect.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pandas as pd

from homologate.dataset._canonical import check_rows, shortened
from homologate.dataset._files import open_bytes, wrong_encoding
from homologate.dataset._masking import mask_leaks
from homologate.errors import DataError
from homologate.settings import DataSettings

__all__ = ["FIELDS", "read_flat_rcl"]

FIELDS = (
    "RECORD_ID", "CAMPNO", "MAKETXT", "MODELTXT", "YEARTXT", "MFGCAMPNO", "COMPNAME", "MFGNAME", "BGMAN", "ENDMAN",
    "RCLTYPECD", "POTAFF", "ODATE", "INFLUENCED_BY", "MFGTXT", "RCDATE", "DATEA", "RPNO", "FMVSS", "DESC_DEFECT",
    "CONEQUENCE_DEFECT", "CORRECTIVE_ACTION", "NOTES", "RCL_CMPT_ID", "MFR_COMP_NAME", "MFR_COMP_DESC",
    "MFR_COMP_PTNO", "DO_NOT_DRIVE", "PARK_OUTSIDE",
)  # fmt: skip
"""The published field names, in order (CONEQUENCE_DEFECT is spelt so by its publisher)."""

FEWEST_FIELDS = FIELDS.index("NOTES") + 1
CAMPNO, MAKE, COMPONENT = FIELDS.index("CAMPNO"), FIELDS.index("MAKETXT"), FIELDS.index("COMPNAME")
FILER, MAKER, RECEIVED = FIELDS.index("MFGNAME"), FIELDS.index("MFGTXT"), FIELDS.index("RCDATE")
STANDARD, DEFECT, CONSEQUENCE = FIELDS.index("FMVSS"), FIELDS.index("DESC_DEFECT"), FIELDS.index("CONEQUENCE_DEFECT")


@dataclass(slots=True)
class _Campaign:
    """What is kept of a campaign while its lines stream past."""

    line: int
    component: str
    manufacturer: str
    date: str
    text: str
    breach: bool
    makes: set[str] = field(default_factory=set)


def read_flat_rcl(settings: DataSettings) -> dict[str, list[Any]]:
    """Read, collapse, mask and check a FLAT_RCL file (`.txt`, or the `.zip` NHTSA publishes).

    Lines are streamed and only one record per campaign is kept, so memory grows with campaigns, not with lines.
    Campaigns outside `since`/`until` are dropped on the way. A campaign that describes no defect, or whose
    description says nothing but its verdict, is left out; how many were, the caller learns from the returned
    `left_out`.

    Returns:
        Checked columns by canonical name, in the order of the file. Text is the masked defect and consequence.

    Raises:
        DataError: the file is missing, damaged or not in this layout (file and line are named), or a row breaks the
            contract.
    """
    path = Path(settings.source)
    encoding = settings.encoding if "encoding" in settings.model_fields_set else "latin-1"
    campaigns: dict[str, _Campaign] = {}
    with open_bytes(path) as stream:
        for line, values in _lines(stream, path, encoding):
            _collect(campaigns, line, values, settings)
    rows: dict[str, list[Any]] = {name: [] for name in ("id", "text", "label", "date", "component", "manufacturer")}
    lines = []
    for name, campaign in campaigns.items():
        text = mask_leaks(campaign.text, makers=(campaign.manufacturer, *sorted(campaign.makes)))
        if not text:
            continue
        label = settings.labels.positive if campaign.breach else settings.labels.negative
        for column, value in zip(
            rows, (name, text, label, campaign.date, campaign.component, campaign.manufacturer), strict=True
        ):
            rows[column].append(value)
        lines.append(campaign.line)
    if not lines:
        raise DataError(
            "the file has no campaign with a description",
            place=str(path),
            legal="lines of NHTSA's FLAT_RCL table",
            next_command="look at `data.since` and `data.until` in homologate.yaml",
        )
    count = len(lines)
    rows["source"] = [path.name] * count
    frame = pd.DataFrame({**rows, "cause_start": [-1] * count, "cause_end": [-1] * count})
    check_rows(
        frame,
        settings.labels,
        place=str(path),
        max_text_characters=settings.max_text_characters,
        lines=lines,
        columns={"text": "DESC_DEFECT", "date": "RCDATE", "id": "CAMPNO", "component": "COMPNAME"},
    )
    return rows


def _lines(stream: IO[bytes], path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    for number, raw in enumerate(stream, start=1):
        try:
            values = raw.decode(encoding).rstrip("\r\n").split("\t")
        except UnicodeDecodeError as error:
            raise wrong_encoding(path, encoding, error) from error
        if values == [""]:
            continue
        if not FEWEST_FIELDS <= len(values) <= len(FIELDS):
            raise DataError(
                f"{len(values)} tab-separated fields: {shortened(raw.decode(encoding).strip())}",
                place=f"{path}, line {number}",
                legal=f"{FEWEST_FIELDS} to {len(FIELDS)} fields, {FIELDS[0]} to {FIELDS[-1]}",
                next_command="set `data.layout: csv` in homologate.yaml if this is a CSV file",
            )
        if not values[CAMPNO].strip():
            raise DataError(
                "the campaign number is empty",
                place=f"{path}, line {number}, column 'CAMPNO'",
                legal="an NHTSA campaign number such as 14V001000",
            )
        yield number, values


def _collect(campaigns: dict[str, _Campaign], line: int, values: list[str], settings: DataSettings) -> None:
    name = values[CAMPNO].strip()
    breach = bool(values[STANDARD].strip())
    known = campaigns.get(name)
    if known is None:
        date = _iso(values[RECEIVED].strip())
        if (settings.since and date < settings.since) or (settings.until and date >= settings.until):
            return
        known = campaigns[name] = _Campaign(
            line=line,
            component=values[COMPONENT].partition(":")[0].strip(),
            manufacturer=(values[MAKER] or values[FILER]).strip(),
            date=date,
            text=f"{values[DEFECT].strip()} {values[CONSEQUENCE].strip()}".strip(),
            breach=breach,
        )
    known.breach |= breach
    known.makes |= {maker for maker in (values[MAKE].strip(), values[FILER].strip()) if maker}


def _iso(value: str) -> str:
    """`20140102` as `2014-01-02`; the publisher's unknown dates (empty, 99999999, year 0) as nothing."""
    if len(value) != 8 or not value.isdigit() or value[:4] in {"9999", "0000"}:
        return ""
    return f"{value[:4]}-{value[4:6]}-{value[6:]}"
