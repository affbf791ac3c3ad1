"""Model card, data card and Responsible-AI page: the same facts, arranged for other readers. Nothing is typed again.

A card is facts too (kind `model-card`, `data-card`, `responsible-ai`), so `render` makes its page. What no report has
measured is said to be "not measured"; a card never fills a gap with a sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from homologate.errors import DataError
from homologate.evidence._principles import principles

__all__ = ["cards"]

SCHEMA = 1

Facts = Mapping[str, Any]


def cards(
    evaluation: Facts,
    explanation: Facts | None = None,
    parity: Facts | None = None,
    data: Facts | None = None,
    comparison: Facts | None = None,
    training: Facts | None = None,
) -> dict[str, dict[str, Any]]:
    """The three cards of one model.

    Args:
        evaluation: facts of kind `evaluation`.
        explanation: facts of kind `explanation`, of the same bytes.
        parity: facts of kind `parity`, of the same bytes.
        data: facts of the prepare step (`data/data.json`).
        comparison: facts of kind `comparison`, of the same bytes.
        training: the predicate of the signed training statement.

    Returns:
        `{"model-card": facts, "data-card": facts, "responsible-ai": facts}`.

    Raises:
        DataError: the reports are not about the same bytes, or one is of another kind than its name says.
    """
    reports = {"evaluation": evaluation, "explanation": explanation, "parity": parity, "comparison": comparison}
    digest = _one_subject(reports)
    head = {"schema": SCHEMA, "subject": {"digest": digest}, "model": evaluation["model"]}
    page = principles(evaluation, explanation, parity, comparison, training)
    measured = sum(entry["measured"] for principle in page for entry in principle["answers"])
    asked = sum(len(principle["answers"]) for principle in page)
    return {
        "model-card": {
            **head,
            "kind": "model-card",
            "verdict": evaluation["verdict"],
            "evaluation": _part(evaluation, _OF_EVALUATION),
            "explanation": _part(explanation, _OF_EXPLANATION) if explanation else None,
            "parity": _part(parity, _OF_PARITY) if parity else None,
            "comparison": _part(comparison, _OF_COMPARISON) if comparison else None,
            "training": _part(training, _OF_TRAINING) if training else None,
        },
        "data-card": {
            **head,
            "kind": "data-card",
            "verdict": _data_verdict(evaluation),
            "labels": evaluation["labels"],
            "data": evaluation["data"],
            "personal": evaluation["personal"],
            "leak": evaluation["leak"],
            "slices": {
                name: [{"name": row["name"], "rows": row["rows"], "positives": row["positives"]} for row in one["rows"]]
                for name, one in evaluation["slices"].items()
            },
            "prepared": dict(data) if data else None,
        },
        "responsible-ai": {
            **head,
            "kind": "responsible-ai",
            "verdict": f"{measured} of {asked} questions under six principles are answered by a measured fact; "
            f"{asked - measured} are not measured.",
            "principles": page,
        },
    }


_OF_EVALUATION = (
    "labels",
    "served",
    "threshold",
    "costs",
    "data",
    "metrics",
    "baselines",
    "gain",
    "cautions",
    "slices",
)
_OF_EXPLANATION = ("verdict", "cautions", "global", "faithfulness", "pointing", "drivers")
_OF_PARITY = ("verdict", "passed", "checks")
_OF_COMPARISON = ("verdict", "status", "champion", "cautions")
_OF_TRAINING = ("source", "lock", "seeds", "started_at", "duration_seconds")


def _one_subject(reports: Mapping[str, Facts | None]) -> str:
    subjects = {}
    for name, facts in reports.items():
        if facts is None:
            continue
        if facts.get("kind") != name:
            raise DataError(f"facts of kind {facts.get('kind')!r} were given as {name}", place=name, legal=name)
        subjects[name] = str(facts["subject"]["digest"])
    if len(set(subjects.values())) > 1:
        told = "; ".join(f"{name} is about {digest}" for name, digest in subjects.items())
        raise DataError(
            f"these reports are about different bytes: {told}",
            place="subject.digest",
            legal="reports of one model directory",
            next_command="homologate evaluate and homologate explain, both on the same export run",
        )
    return subjects["evaluation"]


def _part(facts: Facts, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: facts[name] for name in names}


def _data_verdict(evaluation: Facts) -> str:
    parts = evaluation["data"]
    rows = sum(part["rows"] for part in parts.values())
    bad = sum(part["positives"] for part in parts.values())
    leak = {"leak": "they give the answer away", "mild": "a mild leak was found", "none": "no leak was found"}
    share = f"{bad / rows:.0%} {evaluation['labels']['positive']}"
    return (
        f"{rows:,} texts, {share}, {parts['test']['rows']:,} of them for the test; {leak[evaluation['leak']['level']]}."
    )
