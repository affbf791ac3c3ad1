"""Only what the settings allow of a text is ever stored: all of it, all but what names people and cars, or a hash."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homologate.collection import FolderStore, Reading, Share
from homologate.scorer.collector import FORMS, Privacy, redacted
from tests.collection.conftest import keep, record

PROSE = st.text(alphabet=st.sampled_from("abc defg, ;\n\tHOSE.-é"), max_size=40)
LOCAL = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789._+-", min_size=1, max_size=20)
DOMAIN = st.from_regex(r"[a-z][a-z0-9-]{0,12}(\.[a-z][a-z0-9]{1,8})?\.[a-z]{2,6}", fullmatch=True)
VIN = st.text(alphabet="ABCDEFGHJKLMNPRSTUVWXYZ0123456789", min_size=17, max_size=17).filter(
    lambda word: any(letter.isdigit() for letter in word) and any(letter.isalpha() for letter in word)
)
PHONES = (
    "+49 89 1234567",
    "+49-89-1234-5678",
    "+1 (415) 555-0199",
    "0049 30 901820",
    "(415) 555-0199",
    "415-555-0199",
    "089/123/45678",
    "+44 20 7946 0958",
    "+33 1 42 68 53 00",
)
LIMITS = (
    "burst at 27.6 MPa after 35 hours, limit 27.6 MPa",
    "11 500 N at 250 mm/min; two of 12 000 cd",
    "built from 2019-03-01 to 2021-11-30",
    "recall 24V-123000, part 8K0 615 301 A",
    "temperature -40 to +85 degC, 12 V, 0.5 A",
    "lot 20240131-17, drawing 4711/3",
)


@given(before=PROSE, local=LOCAL, domain=DOMAIN, after=PROSE)
def test_no_e_mail_address_stays(before: str, local: str, domain: str, after: str) -> None:
    kept, _ = redacted(f"{before} {local}@{domain} {after}")
    assert f"{local}@{domain}" not in kept
    assert "[e-mail]" in kept


@given(before=PROSE, vin=VIN, after=PROSE, lower=st.booleans())
def test_no_vin_stays(before: str, vin: str, after: str, lower: bool) -> None:
    vin = vin.lower() if lower else vin
    kept, _ = redacted(f"{before} {vin} {after}")
    assert vin not in kept
    assert "[VIN]" in kept


@pytest.mark.parametrize("phone", PHONES)
@given(before=PROSE, after=PROSE)
def test_no_phone_number_stays(phone: str, before: str, after: str) -> None:
    kept, _ = redacted(f"{before} {phone} {after}")
    assert phone not in kept
    assert "[phone]" in kept


@pytest.mark.parametrize("text", LIMITS)
def test_measured_values_dates_and_part_numbers_stay(text: str) -> None:
    assert redacted(text) == (text, [])


@given(PROSE)
def test_a_text_that_names_nobody_stays_as_it_is(text: str) -> None:
    assert redacted(text) == (text, [])


@given(before=PROSE, vin=VIN)
def test_spans_say_what_was_hidden(before: str, vin: str) -> None:
    text = f"{before} {vin} end"
    _, spans = redacted(text)
    assert [text[start:end] for start, end in spans] == [vin]


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_reaches_the_store_in_full_form_alone(form: str, store: FolderStore) -> None:
    vin = "WVWZZZ1JZ3W386752"
    text = f"hose of {vin} burst"
    keep(store, [record("p1", text, words=[(8, 25, 2.0), (0, 4, 1.0)], bias=0.0, remainder=0.0)], form=form)
    stored = b"".join(store.read(name) for name in store.names())
    assert (vin.encode() in stored) == (form == "full")
    assert (b"hose" in stored) == (form != "hash")
    (found,) = Reading(store, "brakes")
    assert found.privacy == form
    assert found.text_sha256 == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    words = {"full": (vin, "hose"), "redacted": (None, "hose"), "hash": (None, None)}[form]
    assert found.words == (Share(words[0], 2.0), Share(words[1], 1.0))


def test_an_output_says_nothing_of_the_text_where_words_were_not_asked_for(store: FolderStore) -> None:
    keep(store, [record("p1", "SECRET")])
    outputs = [store.read(name) for name in store.names() if "model_outputs" in name]
    assert all(b"SECRET" not in line for line in outputs)
    assert json.loads(outputs[0])["data"][0]["words"] == []


def test_another_form_is_refused_with_the_legal_ones() -> None:
    with pytest.raises(ValueError, match="legal: full, redacted, hash"):
        Privacy("none")
