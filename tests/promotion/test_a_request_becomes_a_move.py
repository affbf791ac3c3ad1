"""Request, decision, two other people, one move; each step a row, and every refusal says what to do next."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from homologate.attest import load_trusted_keys, make_signing_key, verify_envelope
from homologate.errors import ModelError, RefusedError, UsageError
from registry_promotion.gate import Gate
from registry_promotion.ledger import Ledger


def kinds(gate: Gate) -> list[str]:
    return [row["kind"] for row in gate.history("parts")]


def test_two_other_people_take_a_version_to_production(gate: Gate, promoted: Any) -> None:
    asked = gate.request("parts", "7", "production", "rita", "it misses fewer hoses")
    assert (asked.state, asked.needed, asked.stage) == ("open", 2, "Production")
    assert gate.approve(asked.id, "ann", "read all three").state == "open"
    assert gate.approve(asked.id, "bob", "agree").state == "approved"
    assert gate.decide(asked.id).passes
    leave = gate.authorise_transition("parts", "7", "Production", "rita")
    assert leave.request == asked.id
    row = gate.record_transition("parts", "7", "Production", "rita")
    assert row.entry.payload["approved_by"] == ["ann", "bob"]
    assert gate.current("parts", "Production") == "7"
    assert gate.find(asked.id).state == "promoted"
    assert kinds(gate) == ["request", "approval", "approval", "transition"]
    assert gate.ledger.verify(gate.head()).ok


def test_a_request_records_the_whole_decision_with_its_rules(gate: Gate) -> None:
    asked = gate.request("parts", "7", "Production", "rita", "it misses fewer hoses")
    row = gate.history("parts")[0]
    assert row["reason"] == "it misses fewer hoses"
    assert row["policy_digest"] == gate.policies["Production"].digest == asked.policy_digest
    decision = row["payload"]["decision"]
    assert {rule["id"] for rule in decision["rules"]} >= {"recall", "verification", "digest", "authors"}
    assert decision["demonstration"] is True
    facts = asked.facts()
    assert {
        "id",
        "model",
        "version",
        "stage",
        "digest",
        "requested_by",
        "requested_at",
        "reason",
        "state",
        "approvals",
    } <= set(facts)


def test_answers_are_signed_statements_about_the_bytes_where_the_gate_has_a_key(
    tmp_path: Path, shelf: Any, clock: Any, lenient: Any
) -> None:
    key = make_signing_key(tmp_path)
    gate = Gate(Ledger(f"sqlite:///{tmp_path}/registry.db", clock=clock), lenient, shelf, signer=key, clock=clock)
    asked = gate.request("parts", "7", "Production", "rita", "please")
    gate.approve(asked.id, "ann", "read all three")
    gate.reject(asked.id, "bob", "too few hoses")
    trusted = load_trusted_keys(tmp_path)
    signed = [verify_envelope(row["payload"]["statement"], trusted) for row in gate.history("parts")[1:]]
    assert [(one.kind, one.subject, one.predicate["by"], one.predicate["answer"]) for one in signed] == [
        ("approval", asked.digest, "ann", "approved"),
        ("approval", asked.digest, "bob", "rejected"),
    ]
    assert signed[0].predicate["policy_digest"] == asked.policy_digest
    gate.ledger.close()


def test_evidence_that_does_not_hold_refuses_at_once_and_says_every_reason(gate: Gate, shelf: Any) -> None:
    shelf.bundles["7"] = replace(shelf.bundles["7"], verification={})
    asked = gate.request("parts", "7", "Production", "rita", "please")
    assert asked.state == "refused"
    assert kinds(gate) == ["request", "refusal"]
    with pytest.raises(RefusedError, match=rf"request {asked.id} is refused: the evidence did not hold"):
        gate.approve(asked.id, "ann", "looks fine to me")
    with pytest.raises(RefusedError, match=rf"nobody asked; its last request, {asked.id}, is refused"):
        gate.authorise_transition("parts", "7", "Production", "rita")


@pytest.mark.parametrize(
    ("person", "why"),
    [
        ("author", "made this version"),
        ("AUTHOR", "made this version"),
        ("rita", "asked for this"),
        (" Rita", "asked for this"),
    ],
)
def test_neither_author_nor_requester_may_approve(gate: Gate, person: str, why: str) -> None:
    asked = gate.request("parts", "7", "Staging", "rita", "please")
    with pytest.raises(RefusedError, match=rf"{why}(.|\n)*next:  somebody else must approve"):
        gate.approve(asked.id, person, "fine")
    assert gate.find(asked.id).approvals == ()


def test_an_author_does_not_escape_by_another_stage_or_by_rewriting_the_runs(gate: Gate, shelf: Any) -> None:
    for stage in ("Staging", "STAGING", "Production"):
        asked = gate.request("parts", "7", stage, "rita", "please")
        with pytest.raises(RefusedError, match="made this version"):
            gate.approve(asked.id, "author", "fine")
    shelf.bundles["7"] = replace(shelf.bundles["7"], authors=frozenset({"somebody else"}))
    with pytest.raises(RefusedError, match="made this version"):
        gate.approve(asked.id, "author", "fine")


def test_nobody_approves_twice(gate: Gate) -> None:
    asked = gate.request("parts", "7", "Production", "rita", "please")
    gate.approve(asked.id, "ann", "fine")
    for again in ("ann", "Ann ", "ａｎｎ"):
        with pytest.raises(RefusedError, match="has already approved"):
            gate.approve(asked.id, again, "fine")
    assert gate.find(asked.id).state == "open"


def test_too_few_approvals_do_not_move_and_the_text_names_the_command(gate: Gate) -> None:
    asked = gate.request("parts", "7", "Production", "rita", "please")
    gate.approve(asked.id, "ann", "fine")
    told = r"request 1(.|\n)*1 more approval needed(.|\n)*next:  homologate approve 1 --comment"
    with pytest.raises(RefusedError, match=told):
        gate.authorise_transition("parts", "7", "Production", "rita")
    assert asked.id == "1"
    assert kinds(gate)[-1] == "refusal"


def test_a_rejection_ends_a_request(gate: Gate) -> None:
    asked = gate.request("parts", "7", "Production", "rita", "please")
    gate.approve(asked.id, "ann", "fine")
    assert gate.reject(asked.id, "bob", "the slice of hoses is too small").state == "rejected"
    for later in (lambda: gate.approve(asked.id, "carl", "fine"), lambda: gate.reject(asked.id, "carl", "no")):
        with pytest.raises(
            RefusedError, match=r"is rejected: bob said no(.|\n)*next:  homologate request parts 7 --to"
        ):
            later()
    with pytest.raises(RefusedError, match="is rejected"):
        gate.authorise_transition("parts", "7", "Production", "rita")


def test_a_move_needs_a_login_a_request_and_a_guarded_stage(gate: Gate) -> None:
    with pytest.raises(RefusedError, match="nobody is logged in"):
        gate.authorise_transition("parts", "7", "Production", None)
    with pytest.raises(RefusedError, match=r"nobody asked(.|\n)*next:  homologate request parts 7 --to Production"):
        gate.authorise_transition("parts", "7", "Production", "rita")
    with pytest.raises(UsageError, match=r"Archived is not guarded(.|\n)*legal: Production, Staging"):
        gate.request("parts", "7", "Archived", "rita", "please")
    with pytest.raises(UsageError, match="no stage 'Prod'"):
        gate.request("parts", "7", "Prod", "rita", "please")
    with pytest.raises(ModelError, match="no version '99'"):
        gate.request("parts", "99", "Production", "rita", "please")
    for user, reason in (("", "please"), ("rita", "  ")):
        with pytest.raises(UsageError, match="nothing was said"):
            gate.request("parts", "7", "Production", user, reason)
    asked = gate.request("parts", "7", "Production", "rita", "please")
    with pytest.raises(UsageError, match="nothing was said"):
        gate.approve(asked.id, "ann", " ")
    with pytest.raises(UsageError, match="no request '77'"):
        gate.approve("77", "ann", "fine")


def test_a_stage_without_a_policy_lets_nothing_in(gate: Gate) -> None:
    del gate.policies["Staging"]
    with pytest.raises(UsageError, match="no policy for Staging"):
        gate.request("parts", "7", "Staging", "rita", "please")


# ── what an approval is bound to ──────────────────────────────────────────────────────────────────────────────────


def approved(gate: Gate, version: str = "7") -> str:
    asked = gate.request("parts", version, "Production", "rita", "please")
    for person in ("ann", "bob"):
        gate.approve(asked.id, person, "fine")
    return asked.id


def test_other_bytes_under_the_same_version_are_not_approved(gate: Gate, shelf: Any, make_evidence: Any) -> None:
    approved(gate)
    shelf.bundles["7"] = replace(make_evidence(f"sha256:{'e' * 64}"), authors=frozenset({"author"}))
    with pytest.raises(RefusedError, match="the bytes changed since request 1"):
        gate.authorise_transition("parts", "7", "Production", "rita")
    with pytest.raises(RefusedError, match="the bytes changed since request 1"):
        gate.approve("1", "carl", "fine")


def test_the_same_bytes_under_another_version_are_not_approved(gate: Gate, shelf: Any) -> None:
    approved(gate)
    shelf.bundles["9"] = replace(shelf.bundles["7"], version="9")
    with pytest.raises(RefusedError, match="nobody asked"):
        gate.authorise_transition("parts", "9", "Production", "rita")


def test_an_approval_for_one_stage_is_none_for_another(gate: Gate) -> None:
    approved(gate)
    with pytest.raises(RefusedError, match="may not go to Staging: nobody asked"):
        gate.authorise_transition("parts", "7", "Staging", "rita")


def test_a_policy_edited_after_approval_voids_it(gate: Gate) -> None:
    approved(gate)
    stricter = gate.policies["Production"].model_copy(update={"says": "Stricter than it was before."})
    gate.policies["Production"] = stricter
    assert gate.find("1").state == "void"
    with pytest.raises(RefusedError, match="nobody asked; its last request, 1, is void"):
        gate.authorise_transition("parts", "7", "Production", "rita")
    with pytest.raises(RefusedError, match="the bytes, the policy or the champion it was judged by changed"):
        gate.approve("1", "carl", "fine")


def test_a_policy_edited_between_authorisation_and_move_stops_the_move(gate: Gate) -> None:
    approved(gate)
    gate.authorise_transition("parts", "7", "Production", "rita")
    gate.policies["Production"] = gate.policies["Production"].model_copy(update={"says": "Stricter than before."})
    with pytest.raises(RefusedError, match="is void"):
        gate.record_transition("parts", "7", "Production", "rita")
    assert gate.current("parts", "Production") is None


def test_a_new_champion_voids_what_was_judged_against_the_old_one(gate: Gate, promoted: Any) -> None:
    approved(gate, "8")
    promoted(gate, "7")
    assert gate.find("1").state == "void"
    with pytest.raises(RefusedError, match="nobody asked; its last request, 1, is void"):
        gate.authorise_transition("parts", "8", "Production", "rita")


def test_approvals_expire_and_a_clock_set_back_does_not_revive_them(gate: Gate, clock: Any) -> None:
    approved(gate)
    clock.pass_days(1.5)
    with pytest.raises(RefusedError, match="approved more than 1 days ago"):
        gate.authorise_transition("parts", "7", "Production", "rita")
    clock.pass_days(-1.4)
    with pytest.raises(RefusedError, match="approved more than 1 days ago"):
        gate.authorise_transition("parts", "7", "Production", "rita")


def test_evidence_that_went_bad_after_approval_stops_the_move(gate: Gate, shelf: Any, altered: Any) -> None:
    approved(gate)
    shelf.bundles["7"] = altered(shelf.bundles["7"], "evaluation.leak.level", "leak")
    with pytest.raises(RefusedError, match=r"- no-leak: leak, wanted is none or mild; Mask what gives it away"):
        gate.authorise_transition("parts", "7", "Production", "rita")


def test_asking_anew_supersedes_the_old_request_and_its_approvals(gate: Gate) -> None:
    approved(gate)
    again = gate.request("parts", "7", "Production", "rita", "once more")
    assert gate.find("1").state == "superseded"
    assert again.approvals == ()
    with pytest.raises(RefusedError, match="2 more approvals needed"):
        gate.authorise_transition("parts", "7", "Production", "rita")


# ── one request, one move ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_move_without_authorisation_is_refused_and_an_authorisation_is_used_once(gate: Gate, promoted: Any) -> None:
    asked = approved(gate)
    with pytest.raises(RefusedError, match="nothing authorises version 7"):
        gate.record_transition("parts", "7", "Production", "rita")
    leave = gate.authorise_transition("parts", "7", "Production", "rita")
    for other in (("8", "Production", "rita"), ("7", "Staging", "rita"), ("7", "Production", "mallory")):
        with pytest.raises(RefusedError, match="nothing authorises"):
            gate.record_transition("parts", *other, leave)
    gate.record_transition("parts", "7", "Production", "rita", leave)
    with pytest.raises(RefusedError, match=rf"request {asked} is promoted: its move was made"):
        gate.record_transition("parts", "7", "Production", "rita", leave)


def test_a_replayed_request_does_not_move_a_version_again(gate: Gate, promoted: Any) -> None:
    promoted(gate, "7")
    promoted(gate, "8")
    assert gate.current("parts", "Production") == "8"
    with pytest.raises(RefusedError, match="nobody asked; its last request, 1, is promoted"):
        gate.authorise_transition("parts", "7", "Production", "rita")


def test_an_authorisation_is_not_good_for_long(gate: Gate, clock: Any) -> None:
    approved(gate)
    gate.authorise_transition("parts", "7", "Production", "rita")
    clock.now += timedelta(hours=1)
    with pytest.raises(RefusedError, match="nothing authorises"):
        gate.record_transition("parts", "7", "Production", "rita")


def test_what_stands_in_production_cannot_be_taken_out_or_asked_for_again(gate: Gate, promoted: Any) -> None:
    promoted(gate, "7")
    for stage in ("Archived", "None"):
        with pytest.raises(RefusedError, match=r"is in Production; taking it out would leave nothing there"):
            gate.record_transition("parts", "7", stage, "rita")
    with pytest.raises(RefusedError, match="would leave nothing there"):
        gate.request("parts", "7", "Staging", "rita", "please")
    with pytest.raises(RefusedError, match="stands in Production already, since 2026-03-01"):
        gate.request("parts", "7", "Production", "rita", "please")


def test_the_same_refusal_is_recorded_once_in_a_while(gate: Gate, clock: Any) -> None:
    def knock(user: str) -> None:
        with pytest.raises(RefusedError):
            gate.authorise_transition("parts", "7", "Production", user)

    for _ in range(5):
        knock("mallory")
    assert kinds(gate) == ["refusal"]
    knock("trudy")
    clock.pass_days(1)
    knock("mallory")
    assert kinds(gate) == ["refusal"] * 3
