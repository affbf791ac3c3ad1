"""A version with complete evidence, and the shipped policies it must meet."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from homologate.errors import ModelError
from registry_promotion.decision import Approval, Champion, Decision, EvidenceBundle, decide
from registry_promotion.gate import Gate
from registry_promotion.ledger import Ledger
from registry_promotion.policy import Policy
from registry_promotion.policy_files import shipped_policies

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGEST = f"sha256:{'a' * 64}"
CHAMPION_DIGEST = f"sha256:{'c' * 64}"


def interval(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def evaluation_facts(digest: str = DIGEST, *, wrong: tuple[int, ...] = (), items: int = 240) -> dict[str, Any]:
    """Evaluation facts of `items` items, every fourth positive; those numbered in `wrong` are judged wrongly."""
    positive = np.arange(items) % 4 == 0
    right = ~np.isin(np.arange(items), wrong)
    p = np.where(positive == right, 0.9, 0.1) + np.arange(items) / items / 100
    gap = {"miss_rate": {**interval(0.1, 0.02, 0.3), "chance": 0.3, "not_measured": None}}
    sliced = {"gap": gap, "not_measured": None, "rows": []}
    kept = {"failure_rate": interval(0.02, 0.0, 0.06), "failures": 1}
    return {
        "schema": 1,
        "kind": "evaluation",
        "subject": {"digest": digest},
        "verdict": "Catches 58 of 60.",
        "labels": {"negative": "compliant", "positive": "non-compliant"},
        "served": "fp32",
        "threshold": 0.5,
        "data": {"test": {"rows": items}},
        "metrics": {
            "fp32": {
                "average_precision": interval(0.85, 0.78, 0.9),
                "recall": interval(0.8, 0.7, 0.88),
                "false_stop_rate": interval(0.1, 0.06, 0.15),
                "expected_calibration_error": interval(0.04, 0.03, 0.07),
            }
        },
        "gain": {"tfidf": {"average_precision": interval(0.1, 0.04, 0.16)}},
        "precisions": {"int8": {"difference": {"average_precision": interval(-0.002, -0.01, 0.004)}}},
        "leak": {"level": "none", "near_duplicates": {"identical": 0}},
        "slices": {name: copy.deepcopy(sliced) for name in ("component", "manufacturer", "source", "length", "year")},
        "behaviour": {
            "tests": {
                **{name: dict(kept) for name in ("lower_case", "upper_case", "white_space", "spelling")},
                "awkward": {"failures": 0},
            }
        },
        "items": {
            "id": [f"item-{i}" for i in range(items)],
            "group": [i // 2 for i in range(items)],
            "label": ["non-compliant" if one else "compliant" for one in positive],
            "component": ["hose"] * items,
            "probability": {"fp32": p.tolist()},
        },
    }


def complete_evidence(digest: str = DIGEST, *, version: str = "7", **options: Any) -> EvidenceBundle:
    """A bundle that meets every shipped policy at noon."""
    stable = {"rank_correlation": interval(0.8, 0.7, 0.9)}
    explanation = {
        "schema": 1,
        "kind": "explanation",
        "subject": {"digest": digest},
        "verdict": "Its words decide.",
        "global": {"fidelity": {"agreement": interval(0.86, 0.8, 0.9)}},
        "faithfulness": {"gain": {"deletion": interval(1.1, 0.8, 1.4)}},
        "stability": {"white_space": dict(stable), "lower_case": dict(stable)},
        "pointing": {"not_measured": None, "right": {"in_three": interval(0.8, 0.7, 0.88)}},
        "drivers": {"found": []},
    }
    parity = {
        "schema": 1,
        "kind": "parity",
        "subject": {"digest": digest},
        "verdict": "The same answers.",
        "fp32": {"max_difference": 2e-6},
        "int8": {"label_agreement": 0.995},
        "tokens": {"differences": []},
    }
    shadow = {
        "subject": {"digest": digest},
        "champion": {"version": "3", "digest": CHAMPION_DIGEST},
        "answers": 900,
        "failed": 0,
        "agreement": interval(0.95, 0.92, 0.97),
        "latency_ms": {"p50": 20.0, "p95": 60.0},
    }
    kinds = ("evaluation", "explanation", "parity", "data", "shadow")
    return EvidenceBundle(
        model="parts",
        version=version,
        digest=digest,
        facts={
            "evaluation": evaluation_facts(digest, **options),
            "explanation": explanation,
            "parity": parity,
            "data": {"fingerprint": f"sha256:{'d' * 64}", "rows": 2400},
            "shadow": shadow,
            "training": {"source": {"commit": "a" * 40, "dirty": False}},
        },
        measured_at={kind: NOON - timedelta(days=2) for kind in kinds},
        size=113_000_000,
        verification={"ok": True, "digest": digest, "checks": [{"id": "digest", "status": "met"}]},
        authors=frozenset({"author"}),
        places={"evaluation": "/evidence/evaluation.html"},
    )


@functools.cache
def all_policies() -> list[Policy]:
    return [*shipped_policies().values(), shipped_policies(demonstration=True)["Production"]]


@pytest.fixture
def evidence() -> EvidenceBundle:
    """Complete evidence that meets every shipped policy."""
    return complete_evidence()


@pytest.fixture
def make_evidence() -> Callable[..., EvidenceBundle]:
    """`make_evidence(digest, version="7", wrong=())`: complete evidence about other bytes."""
    return complete_evidence


@pytest.fixture
def noon() -> datetime:
    """The moment decisions are made at, two days after the evidence was measured."""
    return NOON


@pytest.fixture
def champion() -> Champion:
    """A version in Production that is wrong on a few items more."""
    return Champion("3", CHAMPION_DIGEST, evaluation_facts(CHAMPION_DIGEST, wrong=(0, 1, 4, 40, 80)))


@pytest.fixture(params=["staging", "production", "demo"])
def policy(request: pytest.FixtureRequest) -> Policy:
    """Each shipped policy."""
    return next(one for one in all_policies() if one.name == request.param)


@pytest.fixture
def production() -> Policy:
    """The strict policy for Production."""
    return next(one for one in all_policies() if one.name == "production")


def approvals_for(policy: Policy, champion: Champion | None, *people: str, digest: str = DIGEST) -> list[Approval]:
    against = champion.digest if champion else None
    return [Approval(person, NOON, "seen", digest, policy.digest, against) for person in people]


@pytest.fixture
def approvals() -> Callable[..., list[Approval]]:
    """Makes valid approvals by the people named."""
    return approvals_for


@pytest.fixture
def judged() -> Callable[..., Decision]:
    """Decides at noon for a request by `rita`, approved by `ann` and `bob`."""

    def judge(policy: Policy, evidence: EvidenceBundle, champion: Champion | None, **more: Any) -> Decision:
        given = more.pop("approvals", None)
        given = approvals_for(policy, champion, "ann", "bob") if given is None else given
        told: dict[str, Any] = {"now": NOON, "requester": "rita", "staged_since": NOON - timedelta(days=3), **more}
        return decide(policy, evidence, champion, given, **told)

    return judge


@pytest.fixture
def altered() -> Callable[..., EvidenceBundle]:
    """`altered(bundle, "evaluation.leak.level", "leak")`: one fact set, or removed where no value is given."""

    def alter(bundle: EvidenceBundle, path: str, *value: Any) -> EvidenceBundle:
        facts = copy.deepcopy(dict(bundle.facts))
        *parents, last = path.split(".")
        place: Any = facts
        for name in parents:
            place = place[name]
        if value:
            place[last] = value[0]
        else:
            del place[last]
        return replace(bundle, facts=facts)

    return alter


class Shelf:
    """Versions and their evidence, as a registry would have them; tests change what is on it."""

    def __init__(self) -> None:
        self.bundles: dict[str, EvidenceBundle] = {}

    def put(self, version: str, *, wrong: tuple[int, ...] = (), author: str = "author") -> EvidenceBundle:
        """Put a version with complete evidence about bytes of its own on the shelf."""
        digest = f"sha256:{int(version):064x}"
        made = replace(complete_evidence(digest, version=version, wrong=wrong), authors=frozenset({author}))
        self.bundles[version] = made
        return made

    def fetch(self, model: str, version: str) -> EvidenceBundle:
        if version not in self.bundles:
            raise ModelError(f"no version {version!r} of {model!r}")
        return self.bundles[version]

    def digest(self, model: str, version: str) -> str:
        return str(self.fetch(model, version).digest)

    def locations(self, model: str, version: str) -> list[str]:
        return [f"file:///artifacts/{model}/{version}"]


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)


@pytest.fixture
def shelf() -> Shelf:
    """Versions 7 and 8, each complete; 8 is wrong on one item."""
    made = Shelf()
    made.put("7")
    made.put("8", wrong=(3,))
    return made


@pytest.fixture
def clock() -> Clock:
    """Noon, until a test says otherwise."""
    return Clock()


@pytest.fixture
def lenient() -> dict[str, Policy]:
    """The shipped policies by stage, Production under the demonstration's: one move needs no day in Staging."""
    return shipped_policies(demonstration=True)


@pytest.fixture
def gate(tmp_path: Path, shelf: Shelf, clock: Clock, lenient: dict[str, Policy]) -> Iterator[Gate]:
    """A gate over a ledger on SQLite."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'registry.db'}", clock=clock)
    yield Gate(ledger, lenient, shelf, admins={"ada"}, clock=clock)
    ledger.close()


@pytest.fixture
def promoted() -> Callable[..., str]:
    """`promoted(gate, "7")`: a version taken to Production by the book; the request's id."""
    return promote


def promote(gate: Gate, version: str, stage: str = "Production") -> str:
    asked = gate.request("parts", version, stage, "rita", "it is better")
    for person in ("ann", "bob"):
        gate.approve(asked.id, person, "read the reports")
    gate.authorise_transition("parts", version, stage, "rita")
    gate.record_transition("parts", version, stage, "rita")
    return asked.id
