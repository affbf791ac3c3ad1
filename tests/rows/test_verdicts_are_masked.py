"""What is left of a notice describes the component and no longer says what was decided about it."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homologate.dataset import mask_leaks

RECALLS = Path(__file__).resolve().parents[3] / "shared" / "data" / "recalls_us.csv.gz"
NOTICE = (
    "Acme Lamps, Inc. (Acme) is recalling certain model year 2012-2014 Beacon trailers manufactured July 11, 2011, through "
    "March 5, 2014. The stop lamp may be too dim in the cold. As such, these vehicles fail to comply with the requirements of "
    'Federal Motor Vehicle Safety Standard (FMVSS) No. 108, "Lamps, Reflective Devices, and Associated Equipment." A dim lamp '
    "increases the risk of a crash. Acme will notify owners, and dealers will replace the lamps, free of charge. The recall "
    "began on June 9, 2014. Owners may contact Acme at 1-800-555-0100. Acme's number for this recall is A1."
)


def test_a_notice_keeps_its_component_and_loses_its_verdict() -> None:
    assert mask_leaks(NOTICE, makers=["Acme Lamps, Inc.", "Acme"]) == (
        "Certain Beacon trailers. The stop lamp may be too dim in the cold. A dim lamp increases the risk of a crash."
    )


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("The mirror is cracked and therefore does not conform to FMVSS 111.", "The mirror is cracked."),
        ("The affected hoses in the rear axle lines fail to meet the requirements of 49 CFR Part 571.106.", "The affected hoses in the rear axle lines."),
        ("The light exceeds the amount allowed by FMVSS number 108.", "The light exceeds the amount."),
        ("The labels do not conform to Part 567, \"Certification.\"", ""),
        ("The noncompliance may dazzle drivers.", "The condition may dazzle drivers."),
        ("Thus, the helmets are not in compliance with Federal Motor Vehicle Safety Standard No. 218.", ""),
        ("Axles built on March 3, 2014 may crack.", "Axles may crack."),
    ],
)  # fmt: skip
def test_each_form_of_a_verdict_is_cut(told: str, left: str) -> None:
    assert mask_leaks(told) == left


def test_makers_go_with_and_without_their_corporate_ending() -> None:
    text = "The Ford Mustang and the Lincoln of Ford Motor Company may ford no river."
    assert (
        mask_leaks(text, makers=["Ford Motor Company", "FORD"]) == "The Mustang and the Lincoln of may ford no river."
    )


def test_a_plain_description_is_left_as_it_is() -> None:
    text = "The webbing held 27.1 kN; part 5 of the drawing was not tested. No. 3 was scrapped."
    assert mask_leaks(text) == text


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*re.split(r"(?<=[.])\s+", NOTICE), "The hose burst", "in May 2014", "FMVSS 108", ", and", "(", '"']
        ),
        max_size=8,
    )
)
def test_masking_twice_is_masking_once(pieces: list[str]) -> None:
    once = mask_leaks(" ".join(pieces))
    assert mask_leaks(once) == once


@pytest.mark.skipif(not RECALLS.exists(), reason=f"the recall texts are not at {RECALLS}")
def test_real_notices_lose_what_gave_them_away() -> None:
    notices = pd.read_csv(RECALLS, dtype=str, keep_default_na=False).iloc[::4]
    pairs = zip(notices["text_raw"], notices["manufacturer"], strict=True)
    masked = pd.Series([mask_leaks(text, makers=[maker]) for text, maker in pairs])
    telling = r"FMVSS|Safety Standard|fails? to comply|not conform|ompliance|notify owners|free of charge|\(?1-8\d\d-\d"
    assert masked.str.contains(telling).sum() == 0
    assert notices["text_raw"].str.contains(telling).mean() > 0.9
    assert (masked.str.len() > 30).mean() > 0.98, "and the component is still described"
