"""A statement is signed, fits its published schema, and has one spelling; everything else is refused with a reason."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from homologate.attest import canonical, make_signing_key, report_predicate, sign_statement, verify_envelope
from homologate.attest.envelope import seal
from homologate.attest.schema import SCHEMA_FOLDER, SCHEMA_NAMES
from homologate.attest.statements import KINDS, PREDICATE_TYPES
from homologate.errors import DataError, RefusedError


def payload_of(data: bytes) -> dict[str, Any]:
    return json.loads(base64.b64decode(json.loads(data)["payload"]))


def test_a_statement_says_what_was_signed_about_which_bytes_by_whom(bundle: Any) -> None:
    statement = verify_envelope(bundle.evidence["evaluation/evaluation.intoto.json"], bundle.trusted)
    assert statement.kind == "evaluation"
    assert statement.subject == bundle.digest
    assert statement.predicate["verdict"] == "the evaluation is fine"
    assert statement.key_id == bundle.key.key_id


def test_the_securesystemslib_dsse_reader_accepts_our_envelopes(bundle: Any) -> None:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    envelope = Envelope.from_dict(json.loads(bundle.evidence["training/training.intoto.json"]))
    key = SSlibKey(bundle.key.key_id, "ecdsa", "ecdsa-sha2-nistp256", {"public": bundle.trusted[bundle.key.key_id].pem})
    assert list(envelope.verify([key], 1)) == [bundle.key.key_id]


def test_every_kind_has_a_published_schema_of_draft_2020_12() -> None:
    assert set(KINDS) | {"report", "statement"} == set(SCHEMA_NAMES)
    for name in SCHEMA_NAMES:
        schema = json.loads((SCHEMA_FOLDER / f"{name}.json").read_text())
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$id"] == f"urn:homologate:schema:{name}:1"
        assert schema["description"].endswith(".")
        Draft202012Validator.check_schema(schema)


def test_a_statement_that_does_not_fit_its_schema_is_not_signed(bundle: Any) -> None:
    with pytest.raises(DataError, match=r"does not fit the schema 'evaluation': 'measured_at' is a required property"):
        sign_statement("evaluation", bundle.digest, {"verdict": "x", "run_id": "r", "reports": []}, bundle.key)
    with pytest.raises(DataError, match=r"unknown kind of statement 'rumour'"):
        sign_statement("rumour", bundle.digest, {}, bundle.key)
    with pytest.raises(DataError, match="does not fit the schema 'statement'"):
        sign_statement("parity", "sha1:abc", {}, bundle.key)


def test_a_moment_without_a_time_zone_is_refused() -> None:
    with pytest.raises(DataError, match="has no time zone"):
        report_predicate(verdict="x", run_id="r", measured_at=datetime(2026, 3, 1), reports={"a": b""})


def test_a_statement_of_another_schema_version_is_refused_by_name(bundle: Any) -> None:
    old = payload_of(bundle.evidence["evaluation/evaluation.intoto.json"])
    old["predicateType"] = "urn:homologate:evaluation:0"
    envelope = seal(canonical(old), bundle.key)
    with pytest.raises(DataError, match=r"schema version 0 of evaluation(.|\n)*legal: version 1(.|\n)*next:  make the"):
        verify_envelope(envelope, bundle.trusted)


def test_a_statement_by_a_stranger_is_refused_and_so_is_one_that_claims_a_trusted_key(
    bundle: Any, tmp_path: Path
) -> None:
    stranger = make_signing_key(tmp_path / "stranger")
    predicate = payload_of(bundle.evidence["parity/parity.intoto.json"])["predicate"]
    envelope = sign_statement("parity", bundle.digest, predicate, stranger)
    with pytest.raises(RefusedError, match=rf"signed by the key '{stranger.key_id}', which is not trusted"):
        verify_envelope(envelope, bundle.trusted)
    envelope["signatures"][0]["keyid"] = bundle.key.key_id
    with pytest.raises(RefusedError, match="does not fit the bytes"):
        verify_envelope(envelope, bundle.trusted)


def test_a_payload_signed_as_another_type_is_not_a_statement(bundle: Any) -> None:
    payload = base64.b64decode(json.loads(bundle.evidence["parity/parity.intoto.json"])["payload"])
    bare = bundle.key.sign(payload)  # a signature over the bytes without their type
    envelope = seal(payload, bundle.key)
    envelope["signatures"][0]["sig"] = base64.b64encode(bare).decode()
    with pytest.raises(RefusedError, match="does not fit the bytes"):
        verify_envelope(envelope, bundle.trusted)
    with pytest.raises(DataError, match=r"payloadType is 'text/plain'(.|\n)*legal: application/vnd\.in-toto\+json"):
        verify_envelope({**seal(payload, bundle.key), "payloadType": "text/plain"}, bundle.trusted)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda data: data[:-40], "not JSON, or cut short"),
        (lambda data: b"", "not JSON, or cut short"),
        (lambda data: b"[]", "not a DSSE envelope"),
        (lambda data: data + b"\n", "not written as canonical JSON"),
        (lambda data: data.replace(b'":', b'": ', 1), "not written as canonical JSON"),
        (lambda data: data[:-1] + b',"payload":"e30="}', "the key 'payload' is given twice"),
        (lambda data: data[:-1] + b',"note":"hello"}', "not a DSSE envelope"),
        (
            lambda data: data.replace(b'"signatures":[', b'"signatures":[{"keyid":"x","sig":"AA=="},'),
            "not a DSSE envelope",
        ),
        (lambda data: data.replace(b'"keyid":"', b'"keyid":"\xff'), "not JSON, or cut short"),
        (lambda data: data.replace(b'"signatures"', b'"signaturez"'), "not a DSSE envelope"),
    ],
)
def test_an_envelope_that_is_truncated_or_spelt_otherwise_is_refused(bundle: Any, spoil: Any, why: str) -> None:
    data = bundle.evidence["parity/parity.intoto.json"]
    with pytest.raises(DataError, match=why):
        verify_envelope(spoil(data), bundle.trusted)


def test_numbers_json_has_no_word_for_cannot_be_signed(bundle: Any) -> None:
    with pytest.raises(DataError, match="cannot be written as JSON"):
        canonical({"ap": float("nan")})


def test_predicate_types_are_versioned_except_the_one_that_is_not_ours() -> None:
    assert {kind for kind, name in PREDICATE_TYPES.items() if not name.startswith("urn:homologate:")} == {"manifest"}
