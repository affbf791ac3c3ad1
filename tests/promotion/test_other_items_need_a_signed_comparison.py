"""Where candidate and champion were tested on different items, only a comparison report about both of them counts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from registry_promotion.decision import Champion, Decision, EvidenceBundle
from registry_promotion.policy import Policy

CHAMPION = f"sha256:{'c' * 64}"


@pytest.fixture
def elsewhere(champion: Champion) -> Champion:
    """The champion, tested on items of its own."""
    facts = copy.deepcopy(dict(champion.evaluation or {}))
    facts["items"]["id"] = [f"old-{name}" for name in facts["items"]["id"]]
    return replace(champion, evaluation=facts)


def reported(evidence: EvidenceBundle, **changes: Any) -> EvidenceBundle:
    """The evidence with a comparison report in which the champion is wrong on the first eight items."""
    evaluation = evidence.facts["evaluation"]
    ours = evaluation["items"]["probability"]["fp32"]
    items = {name: evaluation["items"][name] for name in ("id", "group", "label", "component")}
    report = {
        "schema": 1,
        "kind": "comparison",
        "subject": {"digest": evidence.digest},
        "status": "compared",
        "champion": {"version": "3", "digest": CHAMPION},
        "labels": evaluation["labels"],
        "thresholds": {"candidate": 0.5, "champion": 0.5},
        "test": {"rescored": "version 3 was scored anew"},
        "items": {**items, "candidate": ours, "champion": [1 - p if i < 8 else p for i, p in enumerate(ours)]},
        **changes,
    }
    return replace(evidence, facts={**evidence.facts, "comparison": report})


def champion_rules(decision: Decision) -> dict[str, tuple[str, str]]:
    return {rule.id: (rule.status, rule.reason) for rule in decision.rules if rule.topic == "champion"}


def test_other_items_and_no_report_cannot_be_told(
    judged: Callable[..., Decision], production: Policy, evidence: EvidenceBundle, elsewhere: Champion
) -> None:
    found = champion_rules(judged(production, evidence, elsewhere))
    assert {status for status, _ in found.values()} == {"cannot_tell"}
    assert all("judged on different items" in reason and "homologate main" in reason for _, reason in found.values())


def test_a_report_about_both_is_tested_again_from_its_items(
    judged: Callable[..., Decision], production: Policy, evidence: EvidenceBundle, elsewhere: Champion
) -> None:
    decision = judged(production, reported(evidence), elsewhere)
    assert {status for status, _ in champion_rules(decision).values()} == {"met"}
    assert decision.comparison is not None
    assert len(decision.comparison["flips"]["gained"]) == 8
    assert decision.comparison["rescored"] == "version 3 was scored anew"
    assert decision.passes


def test_a_report_about_another_champion_or_other_bytes_counts_for_nothing(
    judged: Callable[..., Decision], production: Policy, evidence: EvidenceBundle, elsewhere: Champion
) -> None:
    other = {"version": "2", "digest": f"sha256:{'9' * 64}"}
    for changes, why in (
        ({"champion": other}, "the comparison report is about version 2"),
        ({"champion": None}, "the comparison report is about no champion"),
        ({"subject": {"digest": f"sha256:{'8' * 64}"}}, "the comparison report is about no champion"),
        ({"items": None, "reason": "the bytes are gone"}, "the bytes are gone"),
    ):
        decision = judged(production, reported(evidence, **changes), elsewhere)
        found = champion_rules(decision)
        assert {status for status, _ in found.values()} == {"cannot_tell"}, why
        assert all(why in reason for _, reason in found.values())
        assert not decision.passes


def test_the_stored_items_of_both_come_before_any_report(
    judged: Callable[..., Decision], production: Policy, evidence: EvidenceBundle, champion: Champion
) -> None:
    """So a report, present or absent, never turns a refusal of the stored items into a pass."""
    decision = judged(production, reported(evidence), champion)
    assert decision.comparison == judged(production, evidence, champion).comparison
    assert decision.comparison is not None
    assert decision.comparison["rescored"] is None


def test_a_champion_whose_evaluation_is_gone_cannot_be_told_whatever_a_report_says(
    judged: Callable[..., Decision], production: Policy, evidence: EvidenceBundle
) -> None:
    gone = Champion("3", CHAMPION, fault="the champion, version 3: its artifacts are gone")
    decision = judged(production, reported(evidence), gone)
    found = champion_rules(decision)
    assert {status for status, _ in found.values()} == {"cannot_tell"}
    assert all("its artifacts are gone" in reason for _, reason in found.values())
    assert not decision.passes
