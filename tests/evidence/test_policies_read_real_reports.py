"""Every fact a shipped policy reads is in the reports this project writes, as a value the rule can judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from homologate.evidence import evaluate_scorers
from homologate.settings import DataSettings, Settings
from registry_promotion.judgement import judge
from registry_promotion.policy import Policy
from registry_promotion.policy_files import shipped_policies

TOLD = ("data", "parity", "training")
POLICIES = [*shipped_policies().values(), shipped_policies(demonstration=True)["Production"]]
REPORTS = ("evaluation", "explanation")
SETTINGS = Settings(data=DataSettings(source="rows.csv"))


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_no_rule_on_a_complete_report_is_left_untold(
    policy: Policy, evaluation: dict[str, Any], explanation: dict[str, Any]
) -> None:
    facts = {"evaluation": evaluation, "explanation": explanation}
    read = [rule for rule in policy.rules if rule.source in REPORTS]
    results = [result for rule in read for result in judge(rule, facts, {})]
    assert results
    assert [(one.id, one.reason) for one in results if one.status == "cannot_tell"] == []


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_no_rule_on_parity_data_or_provenance_is_left_untold(
    policy: Policy, trained: Any, tiny_model: Path, rows: pd.DataFrame, bundle: Any
) -> None:
    from homologate.attest import verify_bundle
    from homologate.classifier import parity
    from homologate.settings import DataSettings
    from homologate.steps.prepare import facts_of

    known = rows.assign(date="", component="hose", group=range(len(rows)), cause_start=-1)
    facts = {
        "parity": parity(trained[0].directory, tiny_model, rows[rows["split"] == "test"]),
        "data": facts_of(known, DataSettings(), f"sha256:{'d' * 64}"),
        "training": verify_bundle(bundle.model, bundle.evidence, bundle.trusted).statements["training"].predicate,
    }
    read = [rule for rule in policy.rules if rule.source in TOLD]
    results = [result for rule in read for result in judge(rule, facts, {})]
    assert results
    assert [(one.id, one.reason) for one in results if one.status == "cannot_tell"] == []


def test_a_policy_for_production_asks_about_everything_a_version_must_show() -> None:
    asked = {rule.reads.split(".")[0] + "/" + rule.topic for rule in shipped_policies()["Production"].rules}
    assert asked >= {
        "evaluation/quality", "evaluation/leak", "evaluation/slices", "evaluation/behaviour", "evaluation/parity",
        "explanation/explanation", "parity/parity", "training/provenance", "data/provenance", "age/evidence_age",
        "comparison/champion", "staging/staging", "shadow/staging", "shadow/cost", "artifact/cost",
    }  # fmt: skip


def test_a_good_scorer_meets_what_the_demonstration_demands_of_its_reports(
    evaluation: dict[str, Any], explanation: dict[str, Any]
) -> None:
    facts = {"evaluation": evaluation, "explanation": explanation}
    rules = [rule for rule in POLICIES[-1].rules if rule.source in REPORTS]
    found = {result.id: (result.status, result.value) for rule in rules for result in judge(rule, facts, {})}
    refusing = {name: told for name, told in found.items() if told[0] != "met"}
    assert refusing == {}


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)
def test_a_test_set_that_was_trained_on_is_refused_by_every_policy(
    policy: Policy, make_rows: Any, make_scorer: Any, good_weights: dict[str, float]
) -> None:
    frame = make_rows(160)
    trained, tested = (frame.index[frame["split"] == part][:5] for part in ("train", "test"))
    frame.loc[tested, "text"] = frame.loc[trained, "text"].to_numpy()
    scorer = make_scorer(good_weights)
    evaluation = evaluate_scorers({"fp32": scorer}, frame, SETTINGS, digest=f"sha256:{'0' * 64}")
    assert "Stop: 5 of 56 test texts occur word for word in train" in evaluation["verdict"]
    results = [result for rule in policy.rules for result in judge(rule, {"evaluation": evaluation}, {})]
    assert "not_met" in {result.status for result in results if result.topic == "leak"}


def test_a_slice_of_one_class_is_never_met_and_the_reason_is_given(evaluation: dict[str, Any]) -> None:
    """A miss rate needs positives: where no two slices have them, the rule on slices says so instead of passing."""
    reason = "fewer than two slices with 10 rows behind the rate"
    untold = {"value": None, "low": None, "high": None, "not_measured": reason}
    slices = {name: {**sliced, "gap": {"miss_rate": untold}} for name, sliced in evaluation["slices"].items()}
    [rule] = [rule for rule in POLICIES[1].rules if rule.id == "fair-to-slices"]
    results = list(judge(rule, {"evaluation": {**evaluation, "slices": slices}}, {}))
    assert {result.status for result in results} == {"does_not_apply"}
    assert any(reason in result.reason for result in results)
