"""Any byte changed in a model, a report or a statement is found, and what cannot be told is never passed."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from homologate.attest import (
    REQUIRED_KINDS,
    canonical,
    make_signing_key,
    read_evidence,
    report_predicate,
    sha256_of,
    sign_statement,
    statement_path,
    verify_bundle,
)
from homologate.errors import RefusedError, StorageError

FLIPS_PER_FILE = 60


def verify(bundle: Any, **options: Any) -> Any:
    return verify_bundle(bundle.model, bundle.evidence, bundle.trusted, **options)


def statuses(report: Any) -> dict[str, str]:
    return {check.id: check.status for check in report.faults}


def positions(size: int, seed: int) -> list[int]:
    """Every position of a small file; both ends and a seeded sample of a larger one."""
    if size <= FLIPS_PER_FILE:
        return list(range(size))
    inner = random.Random(seed).sample(range(1, size - 1), FLIPS_PER_FILE - 2)
    return [0, size - 1, *inner]


def flipped(data: bytes, position: int, bit: int) -> bytes:
    spoiled = bytearray(data)
    spoiled[position] ^= 1 << bit
    return bytes(spoiled)


def test_a_complete_and_untouched_bundle_is_verified(bundle: Any, tmp_path: Path) -> None:
    report = verify(bundle, expected_digest=bundle.digest)
    assert report.ok, report.facts()
    assert report.digest == bundle.digest
    assert set(report.statements) == set(REQUIRED_KINDS)
    report.require()
    for path, data in bundle.evidence.items():
        (tmp_path / "evidence" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "evidence" / path).write_bytes(data)
    assert read_evidence(tmp_path / "evidence") == bundle.evidence
    assert verify_bundle(bundle.model, tmp_path / "evidence", bundle.trusted).ok
    json.dumps(report.facts())


def test_a_bit_flipped_anywhere_in_the_model_is_found(bundle: Any) -> None:
    for seed, path in enumerate(sorted(path for path in bundle.model.rglob("*") if path.is_file())):
        data = path.read_bytes()
        for position in positions(len(data), seed):
            path.write_bytes(flipped(data, position, position % 8))
            report = verify(bundle)
            assert not report.ok, f"{path.name} byte {position}"
            assert statuses(report)["subject:evaluation/evaluation.intoto.json"] == "not_met"
        path.write_bytes(data)
    assert verify(bundle).ok


def test_a_bit_flipped_anywhere_in_the_evidence_is_found(bundle: Any) -> None:
    for seed, (path, data) in enumerate(list(bundle.evidence.items())):
        for position in positions(len(data), seed):
            bundle.evidence[path] = flipped(data, position, position % 8)
            assert not verify(bundle).ok, f"{path} byte {position}"
        bundle.evidence[path] = data
    assert verify(bundle).ok


@pytest.mark.parametrize("spoil", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: data + b" "])
def test_any_file_of_the_evidence_cut_short_emptied_or_lengthened_is_found(bundle: Any, spoil: Any) -> None:
    for path, data in list(bundle.evidence.items()):
        bundle.evidence[path] = spoil(data)
        assert not verify(bundle).ok, path
        bundle.evidence[path] = data


def test_any_file_of_the_evidence_missing_is_told(bundle: Any) -> None:
    for path, data in list(bundle.evidence.items()):
        del bundle.evidence[path]
        report = verify(bundle)
        kind = path.split("/")[0]
        wanted = f"complete:{kind}" if path.endswith(".intoto.json") else f"reports:{kind}"
        assert statuses(report)[wanted] == "cannot_tell", path
        bundle.evidence[path] = data


def test_a_file_renamed_added_or_removed_in_the_model_is_named(bundle: Any) -> None:
    (bundle.model / "tokenizer.json").rename(bundle.model / "tokenizes.json")  # same bytes in the same order
    report = verify(bundle)
    assert report.digest == bundle.digest
    check = next(check for check in report.faults if check.id == "files")
    assert (check.status, check.sentence) == ("not_met", "not as signed: tokenizer.json, tokenizes.json")
    (bundle.model / "tokenizes.json").rename(bundle.model / "tokenizer.json")
    (bundle.model / "extra.py").write_text("")
    assert verify(bundle, expected_digest=bundle.digest).digest != bundle.digest
    assert statuses(verify(bundle, expected_digest=bundle.digest))["digest"] == "not_met"


def test_a_report_about_another_model_is_refused_although_signed(bundle: Any) -> None:
    other = f"sha256:{'0' * 64}"
    facts = {"schema": 1, "kind": "evaluation", "subject": {"digest": other}, "verdict": "borrowed"}
    resign(bundle, facts)
    report = verify(bundle)
    assert statuses(report) == {"reports:evaluation": "not_met"}
    assert f"reports on {other}" in report.faults[0].sentence
    predicate = report.statements["evaluation"].predicate
    bundle.sign("evaluation", dict(predicate), subject=other)
    report = verify(bundle)
    assert statuses(report)["subject:evaluation/evaluation.intoto.json"] == "not_met"
    assert statuses(report)["complete:evaluation"] == "cannot_tell"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"schema": 0}, "does not fit the schema 'report': 1 was expected"),
        ({"kind": "parity"}, "is a report of kind 'parity'"),
        ({"subject": {}}, "'digest' is a required property"),
    ],
)
def test_a_report_of_an_older_schema_or_another_kind_is_refused(bundle: Any, change: dict[str, Any], why: str) -> None:
    facts = {"schema": 1, "kind": "evaluation", "subject": {"digest": bundle.digest}, "verdict": "x"}
    resign(bundle, {**facts, **change})
    report = verify(bundle)
    assert statuses(report) == {"reports:evaluation": "not_met"}
    assert why in report.faults[0].sentence


def resign(bundle: Any, facts: dict[str, Any]) -> None:
    reports = {"evaluation/evaluation.json": json.dumps(facts).encode(), "evaluation/evaluation.html": b"<p>"}
    bundle.evidence.update(reports)
    old = verify_bundle(bundle.model, bundle.evidence, bundle.trusted).statements["evaluation"].predicate
    predicate = {**old, "reports": [{"path": p, "sha256": sha256_of(d)[7:]} for p, d in sorted(reports.items())]}
    bundle.sign("evaluation", predicate)


def test_a_wrong_or_missing_key_leaves_everything_untold(bundle: Any, tmp_path: Path) -> None:
    stranger = make_signing_key(tmp_path / "stranger")
    for trusted in ({}, {stranger.key_id: stranger.public}):
        report = verify_bundle(bundle.model, bundle.evidence, trusted)
        found = statuses(report)
        assert not report.ok
        assert report.statements == {}
        assert {found[f"complete:{kind}"] for kind in REQUIRED_KINDS} == {"cannot_tell"}
        assert found["signature:evaluation/evaluation.intoto.json"] == "cannot_tell"


def test_two_statements_of_one_kind_are_no_statement(bundle: Any) -> None:
    again = verify(bundle).statements["parity"].predicate
    bundle.evidence["parity/second.intoto.json"] = canonical(
        sign_statement("parity", bundle.digest, {**again, "verdict": "a better one"}, bundle.key)
    )
    assert statuses(verify(bundle)) == {"complete:parity": "cannot_tell"}


def test_a_file_nobody_signed_for_is_named(bundle: Any) -> None:
    bundle.evidence["evaluation/plot.png"] = b"x"
    report = verify(bundle)
    assert statuses(report) == {"covered": "not_met"}
    assert "evaluation/plot.png" in report.faults[0].sentence


def test_data_described_and_data_trained_on_must_be_the_same(bundle: Any) -> None:
    old = dict(verify(bundle).statements["data"].predicate)
    bundle.sign("data", {**old, "fingerprint": f"sha256:{'e' * 64}"})
    assert statuses(verify(bundle)) == {"same_data": "not_met"}


def test_a_model_that_cannot_be_read_leaves_every_subject_untold(bundle: Any) -> None:
    (bundle.model / "link").symlink_to("/etc/hostname")
    report = verify(bundle)
    assert report.digest is None
    assert statuses(report)["digest"] == "cannot_tell"
    assert statuses(report)["subject:parity/parity.intoto.json"] == "cannot_tell"


def test_a_refusal_lists_every_fault_and_what_mends_it(bundle: Any) -> None:
    del bundle.evidence[statement_path("parity")]
    bundle.evidence["evaluation/evaluation.html"] = b"<p>better"
    with pytest.raises(RefusedError) as caught:
        verify(bundle).require()
    text = str(caught.value)
    assert "complete:parity (cannot tell): there is no parity statement that can be believed" in text
    assert "reports:evaluation (not met): the report evaluation/evaluation.html was changed after it was signed" in text
    assert "next:  make and sign the parity statement" in text


def test_evidence_that_is_not_there_is_an_error(bundle: Any, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"no directory of evidence '.*absent'"):
        verify_bundle(bundle.model, tmp_path / "absent", bundle.trusted)
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "a").symlink_to("/etc/hostname")
    with pytest.raises(StorageError, match="no symbolic link"):
        verify_bundle(bundle.model, tmp_path / "linked", bundle.trusted)


def test_a_statement_speaks_for_its_reports_by_digest() -> None:
    from datetime import UTC, datetime

    moment = datetime(2026, 3, 1, tzinfo=UTC)
    predicate = report_predicate(verdict="v", run_id="r", measured_at=moment, reports={"b": b"2", "a": b"1"})
    assert predicate["measured_at"] == "2026-03-01T00:00:00Z"
    assert [report["path"] for report in predicate["reports"]] == ["a", "b"]
    assert f"sha256:{predicate['reports'][0]['sha256']}" == sha256_of(b"1")
