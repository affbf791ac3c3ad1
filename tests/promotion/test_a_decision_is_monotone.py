"""Removing evidence, ageing it, changing its subject or worsening a value never turns a refusal into a pass."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homologate.evidence import _paired as champion_test
from registry_promotion.decision import Champion, Decision, EvidenceBundle
from registry_promotion.paths import MISSING, look_up
from registry_promotion.policy import Policy, Rule, is_number

Judge = Callable[..., Decision]
law = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def fewer_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The law does not depend on how many resamples are drawn; the time of these tests does."""
    monkeypatch.setattr(champion_test, "REPLICATES", 100)


def never_better(before: Decision, after: Decision) -> None:
    """The law: no refusing rule stopped refusing, so no refusal became a pass."""
    now = {rule.id: rule for rule in (*after.rules, after.sign_off)}
    for rule in (*before.rules, before.sign_off):
        assert not rule.refuses or now[rule.id].refuses, (rule, now[rule.id])
    assert before.passes or not after.passes


def keys(facts: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(facts, dict):
        for name, value in facts.items():
            yield (*at, name)
            yield from keys(value, (*at, name))


def without(bundle: EvidenceBundle, path: tuple[str, ...]) -> EvidenceBundle:
    facts = copy.deepcopy(dict(bundle.facts))
    place: Any = facts
    for name in path[:-1]:
        place = place[name]
    del place[path[-1]]
    return replace(bundle, facts=facts)


def measured(policy: Policy) -> list[tuple[Rule, str | None]]:
    """Every number a rule reads from the bundle."""
    sources = ("data", "evaluation", "explanation", "parity", "shadow", "training")
    return [(r, each) for r in policy.rules if r.source in sources and r.compare != "is" for each in r.each or (None,)]


def worsened(bundle: EvidenceBundle, rule: Rule, each: str | None, by: float) -> EvidenceBundle:
    """One number moved towards the wrong side of its limit; lists get longer."""
    facts = copy.deepcopy(dict(bundle.facts))
    path = rule.reads.replace("{each}", each or "").replace("{served}", "fp32")
    *parents, last = path.split(".")
    place: Any = facts
    for name in parents:
        place = place[name]
    if isinstance(place[last], list):
        place[last] = [*place[last], "one more"]
    else:
        place[last] = place[last] - by if rule.compare == "at_least" else place[last] + by
    return replace(bundle, facts=facts)


@st.composite
def troubled(draw: st.DrawFn, policy: Policy, bundle: EvidenceBundle) -> EvidenceBundle:
    """Evidence with up to two troubles already, so that the law is tried on refusals and on passes."""
    for rule, each in draw(st.lists(st.sampled_from(measured(policy)), max_size=2)):
        bundle = worsened(bundle, rule, each, draw(st.floats(0, 2)))
    return bundle


@law
@given(data=st.data())
def test_removing_any_fact_never_helps(
    data: st.DataObject, policy: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge
) -> None:
    base = data.draw(troubled(policy, evidence))
    path = data.draw(st.sampled_from(sorted(keys(dict(base.facts)))))
    never_better(judged(policy, base, champion), judged(policy, without(base, path), champion))


@law
@given(data=st.data())
def test_worsening_any_number_never_helps(
    data: st.DataObject, policy: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge
) -> None:
    base = data.draw(troubled(policy, evidence))
    rule, each = data.draw(st.sampled_from(measured(policy)))
    worse = worsened(base, rule, each, data.draw(st.floats(0, 5)))
    never_better(judged(policy, base, champion), judged(policy, worse, champion))


@law
@given(data=st.data())
def test_ageing_evidence_or_approvals_never_helps(
    data: st.DataObject, policy: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge
) -> None:
    base = data.draw(troubled(policy, evidence))
    age, more = (timedelta(days=data.draw(st.floats(0, 200))) for _ in range(2))
    kinds = data.draw(st.sets(st.sampled_from(sorted(base.measured_at))))

    def aged(by: timedelta) -> EvidenceBundle:
        moments = {k: m - by if k in kinds else m for k, m in base.measured_at.items()}
        return replace(base, measured_at=moments)

    never_better(judged(policy, aged(age), champion), judged(policy, aged(age + more), champion))


@law
@given(data=st.data())
def test_changing_the_subject_of_a_report_or_of_an_approval_never_helps(
    data: st.DataObject, policy: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, approvals: Any
) -> None:
    base = data.draw(troubled(policy, evidence))
    other = f"sha256:{data.draw(st.integers(0, 9)) * 7:064d}"
    kind = data.draw(st.sampled_from(["evaluation", "explanation", "parity", "shadow"]))
    facts = {**base.facts, kind: {**base.facts[kind], "subject": {"digest": other}}}
    never_better(judged(policy, base, champion), judged(policy, replace(base, facts=facts), champion))
    given_for_other = [replace(one, digest=other) for one in approvals(policy, champion, "ann", "bob")]
    never_better(judged(policy, base, champion), judged(policy, base, champion, approvals=given_for_other))


@law
@given(data=st.data())
def test_getting_more_items_wrong_never_helps_against_the_champion(
    data: st.DataObject, production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge
) -> None:
    numbers = st.sets(st.integers(0, 239), max_size=25)
    few = data.draw(numbers)
    more = few | data.draw(numbers)

    def with_wrong(wrong: set[int]) -> EvidenceBundle:
        facts = copy.deepcopy(evidence.facts["evaluation"])
        values = facts["items"]["probability"]["fp32"]
        facts["items"]["probability"]["fp32"] = [1 - p if i in wrong else p for i, p in enumerate(values)]
        return replace(evidence, facts={**evidence.facts, "evaluation": facts})

    never_better(judged(production, with_wrong(few), champion), judged(production, with_wrong(more), champion))


@law
@given(data=st.data())
def test_losing_approvals_dates_verification_or_the_champions_evidence_never_helps(
    data: st.DataObject, policy: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, approvals: Any
) -> None:
    base = data.draw(troubled(policy, evidence))
    before = judged(policy, base, champion)
    yes = approvals(policy, champion, "ann", "bob")
    left = data.draw(st.lists(st.sampled_from(yes), unique_by=lambda one: one.by))
    never_better(before, judged(policy, base, champion, approvals=left))
    never_better(before, judged(policy, replace(base, measured_at={}), champion))
    never_better(before, judged(policy, replace(base, verification={}), champion))
    never_better(before, judged(policy, replace(base, authors=frozenset()), champion))
    never_better(before, judged(policy, base, replace(champion, evaluation=None)))


def test_the_law_is_tried_on_every_number_the_policies_read(policy: Policy, evidence: EvidenceBundle) -> None:
    for rule, each in measured(policy):
        value = look_up(evidence.facts, rule.reads, each)
        assert value is not MISSING, rule.reads
        assert is_number(value) or isinstance(value, list), rule.reads
