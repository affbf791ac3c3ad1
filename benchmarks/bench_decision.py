"""A decision on complete evidence against fetching that evidence: at most 3 times.

`python benchmarks/bench_decision.py` prints one line; exit 1 on FAIL. Fetching is what the gate does each time:
recompute the digest of a model of the shipped size from a warm disk, verify every signature, read the reports. The
decision judges the strict Production policy and compares 500 items with the champion's. The best of several
rounds counts.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from homologate.attest import (
    canonical,
    digest_of,
    load_trusted_keys,
    make_signing_key,
    manifest_of,
    manifest_predicate,
    report_predicate,
    sign_statement,
    statement_path,
    verify_bundle,
)
from registry_promotion.decision import Champion, EvidenceBundle, decide
from registry_promotion.policy_files import shipped_policies

THRESHOLD = 3.0
ROUNDS = 5
ITEMS = 500
NOW = datetime(2026, 3, 1, tzinfo=UTC)
CHAMPION = f"sha256:{'c' * 64}"


def main() -> int:
    """Measure, print one table line, and return the exit code."""
    policy = shipped_policies()["Production"]
    with tempfile.TemporaryDirectory() as folder:
        model, evidence, home = make(Path(folder))
        champion = Champion("3", CHAMPION, evaluation(CHAMPION, seed=2))
        fetched = fetch(model, evidence, home)
        ours = theirs = float("inf")
        for _ in range(ROUNDS):
            theirs = min(theirs, seconds(lambda: fetch(model, evidence, home)))
            ours = min(ours, seconds(lambda: decide(policy, fetched, champion, [], now=NOW, requester="rita")))
    ratio = ours / theirs
    verdict = "ok" if ratio <= THRESHOLD else "FAIL"
    print(
        f"| decision ({ours * 1e3:.0f} ms) against fetching its evidence | {ratio:.2f} | <= {THRESHOLD} | {verdict} |"
    )
    return 0 if verdict == "ok" else 1


def make(root: Path) -> tuple[Path, Path, Path]:
    """A model directory of 115 MB, the evidence about it and the home with the keys."""
    model, evidence = root / "model", root / "evidence"
    model.mkdir()
    for name, size in {"model.onnx": 91, "model.int8.onnx": 23, "tokenizer.json": 1}.items():
        (model / name).write_bytes(bytes(size) * 1_000_000)
    digest, key = digest_of(model), make_signing_key(root)
    statements: dict[str, Any] = {"manifest": manifest_predicate(manifest_of(model))}
    for kind in ("evaluation", "explanation", "parity"):
        facts = {**evaluation(digest), "kind": kind}
        reports = {f"{kind}/{kind}.json": json.dumps(facts).encode(), f"{kind}/{kind}.html": b"<p>" * 200_000}
        for path, data in reports.items():
            (evidence / path).parent.mkdir(parents=True, exist_ok=True)
            (evidence / path).write_bytes(data)
        statements[kind] = report_predicate(verdict="fine", run_id="r", measured_at=NOW, reports=reports)
    for kind, predicate in statements.items():
        (evidence / statement_path(kind)).parent.mkdir(parents=True, exist_ok=True)
        (evidence / statement_path(kind)).write_bytes(canonical(sign_statement(kind, digest, predicate, key)))
    return model, evidence, root


def evaluation(digest: str, seed: int = 1) -> dict[str, Any]:
    """Evaluation facts with judged items."""
    generator = np.random.default_rng(seed)
    positive = np.arange(ITEMS) % 5 == 0
    p = np.clip(np.where(positive, 0.7, 0.3) + generator.normal(0, 0.2, ITEMS), 0, 1)
    return {
        "schema": 1, "kind": "evaluation", "subject": {"digest": digest}, "verdict": "fine", "served": "fp32",
        "threshold": 0.5, "labels": {"positive": "non-compliant", "negative": "compliant"},
        "items": {
            "id": [f"item-{i}" for i in range(ITEMS)],
            "group": [i // 2 for i in range(ITEMS)],
            "label": ["non-compliant" if one else "compliant" for one in positive],
            "probability": {"fp32": p.tolist()},
        },
    }  # fmt: skip


def fetch(model: Path, evidence: Path, home: Path) -> EvidenceBundle:
    """Verify everything and read the reports."""
    report = verify_bundle(model, evidence, load_trusted_keys(home))
    facts = {
        kind: json.loads((evidence / kind / f"{kind}.json").read_bytes()) for kind in ("evaluation", "explanation")
    }
    return EvidenceBundle("parts", "7", report.digest, facts, {}, report.facts(), frozenset({"author"}))


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
