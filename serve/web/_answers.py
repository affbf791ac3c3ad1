"""From what a server answers to verdicts: `/v1/score` of ours, and the scoring protocol that all of them speak."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homologate.scorer.collector import row_id
from serve.web._verdict import Verdict, Word

__all__ = ["of_invocation", "of_score"]


def of_score(text: str, family: str, told: Mapping[str, Any], _: tuple[str, str]) -> Verdict:
    """The answer of `/v1/score`, which names both labels, the negative one first."""
    negative, positive = told["probabilities"]
    model = told["model"]
    return Verdict(
        text=text,
        label=str(told["label"]),
        probability=float(told["probabilities"][positive]),
        threshold=float(told["threshold"]),
        labels=(negative, positive),
        truncated=bool(told["truncated"]),
        words=_words(text, told.get("words")),
        id=str(told["prediction_id"]),
        model=str(model["name"]),
        version=str(model["version"]),
        digest=str(model["digest"]),
        family=family,
        how=str(told.get("explained_by") or ""),
    )


def of_invocation(
    texts: Sequence[str], told: Mapping[str, Any], headers: Mapping[str, str], labels: tuple[str, str]
) -> list[Verdict]:
    """The answers of the scoring protocol; id and version from the body or the headers, or from nowhere.

    Raises:
        KeyError, TypeError, ValueError: it is no such answer.
    """
    rows = told["predictions"]
    if len(rows) != len(texts):
        raise ValueError(f"one answer a text: {len(rows)} for {len(texts)}")
    model = told.get("model") or {}
    name, version, digest = (str(model.get(key) or headers.get(f"x-model-{key}", "")) for key in _MODEL)
    identity = told.get("prediction_id") or headers.get("x-prediction-id")
    return [
        Verdict(
            text=text,
            label=str(row["label"]),
            probability=float(row["probability"]),
            threshold=float(row["threshold"]),
            labels=_pair(str(row["label"]), float(row["probability"]) >= float(row["threshold"]), labels),
            truncated=bool(row["truncated"]),
            words=_words(text, row.get("words")),
            id=row_id(str(identity), number, len(texts)) if identity else None,
            model=name,
            version=version,
            digest=digest,
        )
        for number, (text, row) in enumerate(zip(texts, rows, strict=True))
    ]


_MODEL = ("name", "version", "digest")


def _pair(label: str, positive: bool, known: tuple[str, str]) -> tuple[str, str]:
    """Both labels: the answer's own word always stands where the answer puts it, whatever the settings call it."""
    return (known[0], label) if positive else (label, known[1])


def _words(text: str, found: Sequence[Mapping[str, Any]] | None) -> tuple[Word, ...]:
    words = [Word(str(w["text"]), int(w["start"]), int(w["end"]), float(w["contribution"])) for w in found or ()]
    return tuple(word for word in sorted(words, key=lambda word: word.start) if 0 <= word.start < word.end <= len(text))
