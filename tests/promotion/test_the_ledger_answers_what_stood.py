"""What stands, what stood on a day, who moved it, and the way back: all from the ledger's rows alone."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from homologate.errors import HomologateError, ModelError, RefusedError, StorageError, UsageError
from registry_promotion.gate import Gate
from registry_promotion.ledger import Ledger


def test_history_says_what_served_on_a_day(gate: Gate, promoted: Any, clock: Any) -> None:
    promoted(gate, "7")
    clock.pass_days(4)
    promoted(gate, "8")
    assert gate.current("parts", "Production") == "8"
    assert gate.current("parts", "Production", "2026-02-28") is None
    assert [gate.current("parts", "Production", day) for day in ("2026-03-01", "2026-03-04", "2026-03-05")] == [
        "7", "7", "8",
    ]  # fmt: skip
    assert gate.current("parts", "Production", "2026-03-05T11:59:59Z") == "7"
    standing = gate.standing("parts", "Production")
    assert standing is not None
    assert (standing["version"], standing["by"], standing["since"]) == ("8", "rita", "2026-03-05T12:00:00Z")
    assert standing["demonstration"] is True
    with pytest.raises(UsageError, match=r"'yesterday' is no moment(.|\n)*legal: 2026-03-01"):
        gate.current("parts", "Production", "yesterday")


def test_a_version_stands_in_one_stage_and_a_stage_holds_one_version(gate: Gate, promoted: Any) -> None:
    promoted(gate, "7", "Staging")
    promoted(gate, "8", "Staging")
    assert gate.current("parts", "Staging") == "8"
    promoted(gate, "8")
    assert (gate.current("parts", "Staging"), gate.current("parts", "Production")) == (None, "8")


def test_leaving_staging_is_free_and_recorded(gate: Gate, promoted: Any) -> None:
    promoted(gate, "7", "Staging")
    gate.record_transition("parts", "7", "Archived", "rita")
    assert gate.current("parts", "Staging") is None
    assert gate.history("parts")[-1]["stage"] == "Archived"


def test_judged_versions_models_and_digests_are_known(gate: Gate, promoted: Any, shelf: Any) -> None:
    promoted(gate, "7")
    gate.request("parts", "8", "Staging", "rita", "please")
    assert set(gate.judged()) == {("parts", "7"), ("parts", "8")}
    assert gate.models() == ["parts"]
    assert gate.digest_of("parts", "7") == shelf.bundles["7"].digest
    assert gate.digest_of("parts", "9") is None


# ── the way back ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_rollback_steps_back_through_production_one_at_a_time(gate: Gate, promoted: Any, shelf: Any) -> None:
    shelf.put("9")
    for version in ("7", "8", "9"):
        promoted(gate, version)
    assert gate.rollback("parts", "olga", "it stops every hose") == "8"
    assert gate.current("parts", "Production") == "8"
    assert gate.rollback("parts", "olga", "that one too") == "7"
    with pytest.raises(RefusedError, match="no earlier Production version of 'parts'"):
        gate.rollback("parts", "olga", "and again")
    row = gate.history("parts")[-1]
    assert (row["kind"], row["who"], row["reason"], row["payload"]["replaces"]) == (
        "rollback", "olga", "that one too", "8",
    )  # fmt: skip


def test_rollback_to_bytes_or_evidence_that_no_longer_verify_is_refused(gate: Gate, promoted: Any, shelf: Any) -> None:
    for version in ("7", "8"):
        promoted(gate, version)
    good = shelf.bundles["7"]
    shelf.bundles["7"] = replace(good, digest=f"sha256:{'f' * 64}")
    with pytest.raises(RefusedError, match=r"is not what stood in Production: its bytes are sha256:f"):
        gate.rollback("parts", "olga", "back")
    checks = [{"id": "signature:x", "status": "not_met", "sentence": "", "fix": ""}]
    shelf.bundles["7"] = replace(good, verification={"ok": False, "checks": checks})
    with pytest.raises(RefusedError, match="no longer verifies: signature:x"):
        gate.rollback("parts", "olga", "back")
    assert gate.current("parts", "Production") == "8"


def test_a_rollback_voids_requests_judged_against_what_it_removes(gate: Gate, promoted: Any, shelf: Any) -> None:
    shelf.put("9")
    for version in ("7", "8"):
        promoted(gate, version)
    asked = gate.request("parts", "9", "Production", "rita", "please")
    gate.rollback("parts", "olga", "back")
    assert gate.find(asked.id).state == "void"


# ── breaking the glass ────────────────────────────────────────────────────────────────────────────────────────────


def test_an_admin_may_break_the_glass_and_it_is_loud_and_becomes_overdue(gate: Gate, shelf: Any, clock: Any) -> None:
    shelf.bundles["7"] = replace(shelf.bundles["7"], verification={})
    row = gate.break_glass("parts", "7", "Production", "ada", "every hose is stopped at the line")
    assert (row.entry.kind, row.entry.reason) == ("break_glass", "every hose is stopped at the line")
    standing = gate.standing("parts", "Production")
    assert standing is not None
    assert (standing["break_glass"], standing["overdue"]) == (True, False)
    assert gate.overdue() == []
    clock.pass_days(3.1)
    standing = gate.standing("parts", "Production")
    assert standing is not None
    assert standing["overdue"] is True
    assert [one.version for one in gate.overdue()] == ["7"]


def test_only_a_named_admin_with_a_reason_breaks_the_glass(gate: Gate) -> None:
    with pytest.raises(RefusedError, match=r"'rita' may not break the glass(.|\n)*legal: ada"):
        gate.break_glass("parts", "7", "Production", "rita", "now")
    assert gate.history("parts")[-1]["kind"] == "refusal"
    with pytest.raises(UsageError, match="nothing was said"):
        gate.break_glass("parts", "7", "Production", "ada", "")
    with pytest.raises(UsageError, match="Archived is not guarded"):
        gate.break_glass("parts", "7", "Archived", "ada", "now")
    assert gate.current("parts", "Production") is None


def test_bytes_that_cannot_be_read_do_not_pass_a_broken_glass(gate: Gate, shelf: Any) -> None:
    shelf.bundles["7"] = replace(shelf.bundles["7"], digest=None)
    with pytest.raises(RefusedError, match="cannot be read"):
        gate.break_glass("parts", "7", "Production", "ada", "now")


def test_a_broken_glass_is_mended_by_the_ordinary_way(gate: Gate, clock: Any) -> None:
    gate.break_glass("parts", "7", "Production", "ada", "every hose is stopped")
    clock.pass_days(3.1)
    asked = gate.request("parts", "7", "Production", "rita", "what was done in haste, judged")
    gate.approve(asked.id, "ann", "fine")
    gate.approve(asked.id, "bob", "fine")
    assert gate.find(asked.id).state == "promoted"
    standing = gate.standing("parts", "Production")
    assert standing is not None
    assert (standing["break_glass"], standing["request"]) == (False, asked.id)
    assert gate.overdue() == []


def test_a_rollback_after_a_broken_glass_finds_what_stood_before(gate: Gate, promoted: Any) -> None:
    promoted(gate, "7")
    gate.break_glass("parts", "8", "Production", "ada", "now")
    assert gate.rollback("parts", "olga", "worse") == "7"


# ── many servers, one ledger ──────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def two_servers(database: str, shelf: Any, clock: Any, lenient: Any) -> Iterator[tuple[Gate, Gate]]:
    ledgers = [Ledger(database, clock=clock) for _ in range(2)]
    yield tuple(Gate(ledger, lenient, shelf, clock=clock) for ledger in ledgers)  # type: ignore[misc]
    for ledger in ledgers:
        ledger.close()


def test_what_one_server_records_the_other_knows_at_once(two_servers: tuple[Gate, Gate], promoted: Any) -> None:
    one, other = two_servers
    asked = one.request("parts", "7", "Production", "rita", "please")
    other.approve(asked.id, "ann", "fine")
    one.approve(asked.id, "bob", "fine")
    other.authorise_transition("parts", "7", "Production", "rita")
    other.record_transition("parts", "7", "Production", "rita")
    assert one.current("parts", "Production") == "7"
    assert one.head() == other.head()


def test_of_many_promotions_at_once_exactly_one_moves(
    two_servers: tuple[Gate, Gate], shelf: Any, promoted: Any
) -> None:
    promoted(two_servers[0], "7")
    rivals = [str(number) for number in range(20, 26)]
    for version in rivals:
        shelf.put(version)
        asked = two_servers[0].request("parts", version, "Production", "rita", "please")
        for person in ("ann", "bob"):
            two_servers[0].approve(asked.id, person, "fine")
    ready, won, lost = threading.Barrier(len(rivals)), [], []

    def race(gate: Gate, version: str) -> None:
        ready.wait()
        try:
            gate.authorise_transition("parts", version, "Production", "rita")
            gate.record_transition("parts", version, "Production", "rita")
            won.append(version)
        except HomologateError as error:
            lost.append(error)

    threads = [threading.Thread(target=race, args=(two_servers[n % 2], version)) for n, version in enumerate(rivals)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1, (won, lost)
    assert all(isinstance(error, RefusedError) for error in lost), lost
    assert two_servers[0].current("parts", "Production") == two_servers[1].current("parts", "Production") == won[0]
    moves = [row for row in two_servers[0].history("parts") if row["kind"] == "transition"]
    assert [row["version"] for row in moves] == ["7", won[0]]


def test_one_person_answering_twice_at_once_counts_once(two_servers: tuple[Gate, Gate]) -> None:
    asked = two_servers[0].request("parts", "7", "Production", "rita", "please")
    ready = threading.Barrier(4)

    def answer(gate: Gate) -> None:
        ready.wait()
        try:
            gate.approve(asked.id, "ann", "fine")
        except RefusedError as error:
            assert "has already approved" in str(error)  # noqa: PT017 (in a thread)

    threads = [threading.Thread(target=answer, args=(two_servers[n % 2],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(two_servers[0].find(asked.id).approvals) == 1


def test_an_older_database_put_back_under_a_running_server_is_told(gate: Gate, promoted: Any, tmp_path: Path) -> None:
    asked = gate.request("parts", "7", "Production", "rita", "please")
    (tmp_path / "backup.db").write_bytes((tmp_path / "registry.db").read_bytes())
    gate.approve(asked.id, "ann", "fine")
    published = gate.head()
    gate.ledger.close()
    (tmp_path / "registry.db").write_bytes((tmp_path / "backup.db").read_bytes())
    with pytest.raises(StorageError, match="the ledger is not the one it was: row 2 with hash"):
        gate.find(asked.id)
    assert not gate.ledger.verify(published).ok


def test_a_row_changed_behind_the_gate_is_told(gate: Gate, promoted: Any, tmp_path: Path) -> None:
    promoted(gate, "7")
    with sqlite3.connect(tmp_path / "registry.db") as database:
        database.execute("DROP TRIGGER homologate_ledger_no_UPDATE")
        database.execute("UPDATE homologate_ledger SET row = replace(row, 'bob', 'eve')")
    database.close()
    verdict = gate.ledger.verify()
    assert not verdict.ok
    assert "was edited: its bytes do not have its hash" in verdict.sentence


def test_a_champion_whose_artifacts_are_gone_or_changed_leaves_the_comparison_untold(
    gate: Gate, promoted: Any, shelf: Any
) -> None:
    promoted(gate, "7")
    good = shelf.bundles.pop("7")
    for bundle, why in (
        (None, "the champion, version 7: no version '7' of 'parts'"),
        (replace(good, digest=f"sha256:{'f' * 64}"), "the champion's bytes are sha256:f"),
        (replace(good, facts={}), "has no evaluation to compare with"),
    ):
        if bundle is not None:
            shelf.bundles["7"] = bundle
        asked = gate.request("parts", "8", "Production", "rita", "please")
        assert asked.state == "refused"
        rules = {rule.id: rule for rule in gate.decide(asked.id).rules}
        assert rules["not-worse-than-champion"].status == "cannot_tell"
        assert why in rules["not-worse-than-champion"].reason


def test_the_export_of_a_gate_is_verified_line_by_line(gate: Gate, promoted: Any) -> None:
    promoted(gate, "7")
    lines = list(gate.export())
    assert [json.loads(line)["row"]["seq"] for line in lines] == [1, 2, 3, 4]
    assert gate.ledger_head() == {"head": gate.head(), "rows": 4}
    with pytest.raises(ModelError):
        gate.evidence_source.fetch("parts", "99")
