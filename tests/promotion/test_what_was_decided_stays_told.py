"""A request that waits for nothing is told as it was decided, not judged anew against the version it made champion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from registry_promotion.gate import Gate


def test_a_promoted_request_says_who_approved_and_is_not_compared_with_itself(
    gate: Gate, promoted: Callable[..., str]
) -> None:
    request = promoted(gate, "7")
    told = gate.told(request)
    assert told["passes"]
    assert told["verdict"].startswith("parts version 7 went to Production: ")
    assert told["verdict"].endswith(" rules held, ann and bob approved.")
    assert told["champion"] is None, "there was none when it was decided"
    assert (told["sign_off"]["status"], told["sign_off"]["value"]) == ("met", "2: ann, bob")
    assert not gate.decide(request).passes, "judged anew it would stand against itself"


def test_a_refused_request_keeps_its_reasons_when_the_evidence_mends(
    gate: Gate, shelf: Any, altered: Callable[..., Any]
) -> None:
    whole = shelf.bundles["7"]
    shelf.bundles["7"] = altered(whole, "evaluation.leak.level", "leak")
    request = gate.request("parts", "7", "Production", "rita", "it is better").id
    shelf.bundles["7"] = whole
    told = gate.told(request)
    assert not told["passes"]
    assert "may not go to Production" in told["verdict"]
    assert [rule["id"] for rule in told["rules"] if rule["status"] == "not_met"] == ["no-leak"]


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("rejected", "Rejected: bob said no."),
        ("superseded", "Superseded: the same was asked anew."),
        ("void", "Void: the bytes, the policy or the champion it was judged by changed."),
    ],
)
def test_a_request_that_ended_otherwise_says_how(
    gate: Gate, promoted: Callable[..., str], state: str, sentence: str
) -> None:
    request = gate.request("parts", "7", "Production", "rita", "it is better").id
    if state == "rejected":
        gate.reject(request, "bob", "not on a Friday")
    elif state == "superseded":
        gate.request("parts", "7", "Production", "rita", "once more")
    else:
        promoted(gate, "8")
    told = gate.told(request)
    assert gate.find(request).state == state
    assert told["verdict"] == f"parts version 7 did not go to Production. {sentence}"
    assert not told["passes"]


def test_an_open_request_is_judged_as_of_now(gate: Gate, shelf: Any, altered: Callable[..., Any]) -> None:
    request = gate.request("parts", "7", "Production", "rita", "it is better").id
    assert gate.told(request)["evidence_passes"]
    shelf.bundles["7"] = altered(shelf.bundles["7"], "evaluation.leak.level", "leak")
    assert not gate.told(request)["evidence_passes"]
