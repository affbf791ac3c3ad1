"""An approval counts from someone else, once, for exactly these bytes, policy and champion, and not forever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from registry_promotion.decision import Champion, Decision, EvidenceBundle
from registry_promotion.policy import Policy
from registry_promotion.sign_off import same_person

Judge = Callable[..., Decision]


def test_too_few_people_say_how_many_are_missing(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, approvals: Any
) -> None:
    decision = judged(production, evidence, champion, approvals=approvals(production, champion, "ann"))
    assert (decision.evidence_passes, decision.passes) == (True, False)
    assert decision.sign_off.reason == "1 more approval needed"
    assert decision.verdict == f"The evidence holds ({len(decision.rules)} rules); 1 more approval needed."


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"by": "author"}, "author made this version"),
        ({"by": " AUTHOR "}, "made this version"),
        ({"by": "ａｕｔｈｏｒ"}, "made this version"),
        ({"by": "rita"}, "rita asked for it"),
        ({"by": "Rita"}, "asked for it"),
        ({"by": "ann"}, "ann has already approved"),
        ({"by": "Ann"}, "has already approved"),
        ({"digest": f"sha256:{'b' * 64}"}, "bob approved other bytes"),
        ({"policy_digest": f"sha256:{'b' * 64}"}, "bob approved under another policy"),
        ({"champion_digest": f"sha256:{'b' * 64}"}, "bob approved against another champion"),
        ({"champion_digest": None}, "bob approved against another champion"),
    ],
)
def test_an_approval_that_does_not_count_is_named_with_its_reason(
    production: Policy,
    evidence: EvidenceBundle,
    champion: Champion,
    judged: Judge,
    approvals: Any,
    change: dict[str, Any],
    why: str,
) -> None:
    one, other = approvals(production, champion, "ann", "bob")
    decision = judged(production, evidence, champion, approvals=[one, replace(other, **change)])
    assert not decision.passes
    assert why in decision.sign_off.reason


def test_an_approval_expires_and_one_from_the_future_does_not_count(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, approvals: Any
) -> None:
    one, other = approvals(production, champion, "ann", "bob")
    for shift, why in ((timedelta(days=-15), "approved more than 14 days ago"), (timedelta(hours=1), "in the future")):
        decision = judged(production, evidence, champion, approvals=[one, replace(other, at=other.at + shift)])
        assert why in decision.sign_off.reason


def test_a_policy_may_name_its_approvers(
    production: Policy, evidence: EvidenceBundle, champion: Champion, judged: Judge, approvals: Any
) -> None:
    sign_off = production.sign_off.model_copy(update={"approvers": ("ann", "carl")})
    closed = production.model_copy(update={"sign_off": sign_off})
    decision = judged(closed, evidence, champion, approvals=approvals(closed, champion, "ann", "bob"))
    assert "bob is not an approver of this policy" in decision.sign_off.reason


def test_case_width_and_space_do_not_make_two_people_of_one() -> None:
    assert same_person("Ann", " ann ")
    assert same_person("ﬁn", "fin")
    assert not same_person("ann", "anna")
