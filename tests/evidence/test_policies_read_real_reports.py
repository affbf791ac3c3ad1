"""Every fact a shipped policy reads is in the reports this project writes, as a value the rule can judge."""

from __future__ import annotations

from typing import Any

import pytest

from registry_promotion.judgement import judge
from registry_promotion.policy import Policy, shipped_policies

POLICIES = [*shipped_policies().values(), shipped_policies(demonstration=True)["Production"]]
REPORTS = ("evaluation", "explanation")


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_no_rule_on_a_complete_report_is_left_untold(
    policy: Policy, evaluation: dict[str, Any], explanation: dict[str, Any]
) -> None:
    facts = {"evaluation": evaluation, "explanation": explanation}
    read = [rule for rule in policy.rules if rule.source in REPORTS]
    results = [result for rule in read for result in judge(rule, facts, {})]
    assert results
    assert [(one.id, one.reason) for one in results if one.status == "cannot_tell"] == []


def test_a_good_scorer_meets_what_the_demonstration_demands_of_its_reports(
    evaluation: dict[str, Any], explanation: dict[str, Any]
) -> None:
    facts = {"evaluation": evaluation, "explanation": explanation}
    rules = [rule for rule in POLICIES[-1].rules if rule.source in REPORTS]
    found = {result.id: (result.status, result.value) for rule in rules for result in judge(rule, facts, {})}
    refusing = {name: told for name, told in found.items() if told[0] != "met"}
    assert refusing == {}
