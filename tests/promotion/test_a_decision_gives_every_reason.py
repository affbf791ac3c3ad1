"""A decision lists every rule: met, not met with value, limit and remedy, or impossible to tell, which refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from registry_promotion.decision import Champion, Decision, EvidenceBundle
from registry_promotion.policy import Policy

Judge = Callable[..., Decision]


def results(decision: Decision) -> dict[str, Any]:
    return {rule.id: rule for rule in decision.rules}


def test_complete_evidence_passes_every_shipped_policy(
    policy: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge
) -> None:
    decision = judged(policy, evidence, champion)
    assert decision.passes, decision.refusals
    assert {rule.status for rule in decision.rules} == {"met"}
    assert decision.verdict.startswith(f"parts version 7 may go to {policy.stage}: all ")
    assert decision.demonstration == (policy.name == "demo")


def test_the_same_inputs_give_the_same_decision(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge
) -> None:
    one, other = (judged(production, evidence, champion) for _ in range(2))
    assert one.fingerprint == other.fingerprint
    json.dumps(one.facts())


def test_a_rule_that_is_not_met_says_value_limit_and_remedy(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, altered: Any
) -> None:
    decision = judged(production, altered(evidence, "evaluation.metrics.fp32.recall.low", 0.41), champion)
    rule = results(decision)["recall"]
    assert (rule.status, rule.value, rule.limit) == ("not_met", "41.00%", "at least 65.00%")
    assert rule.fix.startswith("Raise the cost")
    assert rule.evidence == "/evidence/evaluation.html"
    assert not decision.passes
    assert decision.verdict == f"parts version 7 may not go to Production: 1 of {len(decision.rules)} rules refuse."


def test_a_missing_fact_cannot_be_told_and_refuses(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, altered: Any
) -> None:
    decision = judged(production, altered(evidence, "evaluation.metrics.fp32.recall"), champion)
    rule = results(decision)["recall"]
    assert (rule.status, rule.reason) == (
        "cannot_tell",
        "evaluation.metrics.{served}.recall.low is missing from the evidence",
    )
    assert "1 of them because nobody can tell" in decision.verdict
    assert not decision.passes


@pytest.mark.parametrize("value", [None, "high", True, float("nan"), float("inf"), [], {}])
def test_a_value_that_is_no_measurement_cannot_be_told(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, altered: Any, value: Any
) -> None:
    decision = judged(production, altered(evidence, "evaluation.metrics.fp32.recall.low", value), champion)
    assert results(decision)["recall"].status == "cannot_tell"


def test_each_name_a_rule_lists_must_hold(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, altered: Any
) -> None:
    decision = judged(production, altered(evidence, "evaluation.behaviour.tests.spelling"), champion)
    found = results(decision)
    assert found["keeps-its-verdict.spelling"].status == "cannot_tell"
    assert found["keeps-its-verdict.upper_case"].status == "met"


def test_a_rule_applies_only_where_its_condition_holds_and_says_why_not(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, altered: Any
) -> None:
    unknown = altered(evidence, "explanation.pointing", {"not_measured": "no cause is known"})
    rule = results(judged(production, unknown, champion))["finds-the-cause"]
    assert (rule.status, rule.reason) == ("does_not_apply", "explanation.pointing.not_measured is no cause is known")
    gone = altered(evidence, "explanation.pointing.not_measured")
    rule = results(judged(production, gone, champion))["finds-the-cause"]
    assert rule.status == "cannot_tell"


def test_a_forbidden_driver_is_named(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, altered: Any
) -> None:
    decision = judged(production, altered(evidence, "explanation.drivers.found", ["@manufacturer"]), champion)
    rule = results(decision)["no-forbidden-driver"]
    assert (rule.status, rule.value) == ("not_met", "1: @manufacturer")


def test_one_test_text_that_was_trained_on_refuses_under_every_shipped_policy(
    policy: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, altered: Any
) -> None:
    decision = judged(policy, altered(evidence, "evaluation.leak.near_duplicates.identical", 1), champion)
    assert results(decision)["no-identical-test-texts"].status == "not_met"
    assert not decision.passes


def test_without_a_champion_the_comparison_is_said_not_to_apply_and_never_met(
    production: Policy, evidence: EvidenceBundle, judged: Judge
) -> None:
    decision = judged(production, evidence, None)
    compared = [rule for rule in decision.rules if rule.topic == "champion"]
    assert {rule.status for rule in compared} == {"does_not_apply"}
    assert compared[0].reason == "no champion: there is no version in Production to compare with"
    assert results(decision)["shadow-agreement"].status == "does_not_apply"
    assert decision.passes
    assert decision.facts()["champion"] is None


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda c: replace(c, evaluation=None, fault="its artifacts are gone"), "its artifacts are gone"),
        (lambda c: replace(c, digest=f"sha256:{'9' * 64}"), "are not about its bytes"),
        (lambda c: replace(c, evaluation={**c.evaluation, "items": {}}), "hold no items"),
        (
            lambda c: replace(
                c, evaluation={**c.evaluation, "items": {**c.evaluation["items"], "id": [f"x{i}" for i in range(240)]}}
            ),
            "judged on different items: 240 and 240, 0 of them the same",
        ),
    ],
)
def test_a_champion_that_cannot_be_compared_with_leaves_the_comparison_untold(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, spoil: Any, why: str
) -> None:
    decision = judged(production, evidence, spoil(champion))
    for rule in decision.rules:
        if rule.topic == "champion":
            assert rule.status == "cannot_tell"
            assert why in rule.reason
    assert not decision.passes


def test_a_report_about_other_bytes_counts_for_nothing(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, altered: Any
) -> None:
    borrowed = altered(evidence, "evaluation.subject.digest", f"sha256:{'0' * 64}")
    found = results(judged(production, borrowed, champion))
    assert (found["subject"].status, found["subject"].reason) == ("cannot_tell", "about other bytes: evaluation")
    assert found["recall"].status == "cannot_tell"


def test_verification_that_failed_refuses_with_what_failed(
    policy: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge
) -> None:
    checks = [{"id": "reports:parity", "status": "not_met", "sentence": "was changed", "fix": "make it again"}]
    broken = replace(evidence, verification={"ok": False, "digest": evidence.digest, "checks": checks})
    rule = results(judged(policy, broken, champion))["verification"]
    assert (rule.status, rule.reason, rule.fix) == ("not_met", "reports:parity: was changed", "make it again")
    for nothing in ({}, {"ok": "yes", "digest": evidence.digest}, {"ok": True, "digest": "sha256:other"}):
        rule = results(judged(policy, replace(evidence, verification=nothing), champion))["verification"]
        assert rule.status == "cannot_tell"


def test_bytes_that_cannot_be_read_and_authors_nobody_knows_refuse(
    policy: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge
) -> None:
    found = results(judged(policy, replace(evidence, digest=None, authors=frozenset()), champion))
    assert {found[name].status for name in ("digest", "verification", "subject", "authors")} == {"cannot_tell"}


def test_evidence_dated_in_the_future_has_no_age(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge
) -> None:
    moments = {kind: moment + timedelta(days=30) for kind, moment in evidence.measured_at.items()}
    found = results(judged(production, replace(evidence, measured_at=moments), champion))
    assert found["fresh-evidence.evaluation"].status == "cannot_tell"


def test_evidence_cannot_bring_its_own_age_comparison_or_time_in_staging(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge
) -> None:
    brought = {
        "age": {"evaluation": 0.0},
        "comparison": {"mcnemar": {"worse": 1.0}},
        "staging": {"hours": 9e9},
        "champion": {"exists": False},
    }
    forged = replace(evidence, facts={**evidence.facts, **brought}, measured_at={})
    found = results(judged(production, forged, replace(champion, evaluation=None), staged_since=None))
    names = ("fresh-evidence.evaluation", "not-significantly-worse", "time-in-staging")
    assert {found[name].status for name in names} == {"cannot_tell"}
    assert found["shadow-agreement"].status == "met"
