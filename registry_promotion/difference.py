"""What changed against the champion, for a reviewer's eyes: items that flipped, their texts, the words that weighed.

Nothing here decides. The texts come from the data run and are looked at only where the bundle verified, because
highlighting runs the candidate's bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from homologate.errors import HomologateError
from registry_promotion.evidence_source import MlflowEvidence
from registry_promotion.story import words_of

__all__ = ["SHOWN", "Differences"]

SHOWN = 12
"""Flips shown each way; the report has them all."""


class Differences:
    """Differences between versions whose evidence `source` knows. Remembered by digest: bytes do not change.

    Args:
        source: where evidence and artifacts come from.
    """

    def __init__(self, source: MlflowEvidence) -> None:
        self._source = source
        self._facts = lru_cache(maxsize=16)(self._facts_now)
        self._shown = lru_cache(maxsize=64)(self._shown_now)

    def flips(self, model: str, version: str, decision: Mapping[str, Any]) -> dict[str, Any]:
        """`gained` and `lost`: lists of `id, label, before, now, words`; `limit`: how many are shown each way."""
        if not _trusted(decision) or not decision["comparison"]:
            return {}
        known = decision["comparison"]["flips"]
        ours = self._facts(model, version, decision["digest"])
        if decision["comparison"].get("rescored"):
            now, before = (_items(ours, "comparison", who) for who in ("candidate", "champion"))
        else:
            theirs = self._facts(model, decision["champion_version"], decision["champion_digest"])
            now, before = _items(ours), _items(theirs)
        wanted = {way: tuple(known[way][:SHOWN]) for way in ("gained", "lost")}
        words = self._shown(model, version, decision["digest"], (*wanted["gained"], *wanted["lost"]))
        told = {
            way: [
                {"id": i, "label": now[i][0], "before": before[i][1], "now": now[i][1], "words": words.get(i)}
                for i in ids
                if i in now and i in before
            ]
            for way, ids in wanted.items()
        }
        return {**told, "limit": SHOWN}

    def drivers(self, model: str, version: str, decision: Mapping[str, Any]) -> dict[str, Any] | None:
        """The heaviest words of the explanation and of the champion's: `before` (bool) and `rows`, heaviest now first.

        A row has `word`, `now`, `before` and `change` as text; a word that one of them does not weigh has a dash there.
        """
        if not _trusted(decision):
            return None
        ours = _words(self._facts(model, version, decision["digest"]))
        theirs: dict[str, float] = {}
        if decision["champion_version"]:
            theirs = _words(self._facts(model, decision["champion_version"], decision["champion_digest"]))
        shown = dict.fromkeys([*list(ours)[:SHOWN], *list(theirs)[:SHOWN]])
        rows = [_weighed(word, ours.get(word), theirs.get(word)) for word in shown]
        return {"before": bool(theirs), "rows": rows} if rows else None

    def _facts_now(self, model: str, version: str, digest: str) -> Mapping[str, Any]:
        try:
            found = self._source.fetch(model, version)
        except HomologateError:
            return {}
        return found.facts if found.digest == digest else {}

    def _shown_now(
        self, model: str, version: str, digest: str, ids: tuple[str, ...]
    ) -> dict[str, list[dict[str, str]]]:
        """The texts of items, cut at the words that weighed; uncut where the bytes will not score them."""
        from homologate.scorer import Scorer, ScorerFault

        try:
            texts = {**self._reported(model, version, digest, ids), **self._texts(model, version, ids)}
        except (HomologateError, OSError, ValueError):
            return {}
        try:
            with self._source.directory(model, version) as directory:
                scorer = Scorer(directory)
                return {i: words_of(text, scorer.answer(text, explain=True).words or ()) for i, text in texts.items()}
        except (HomologateError, ScorerFault):
            return {i: words_of(text, ()) for i, text in texts.items()}

    def _reported(self, model: str, version: str, digest: str, ids: Sequence[str]) -> dict[str, str]:
        """The texts the comparison report shows: of items the champion was tested on they are nowhere else."""
        report = self._facts(model, version, digest).get("comparison") or {}
        told = {str(flip["id"]): str(flip["text"]) for way in (report.get("flips") or {}).values() for flip in way}
        return {i: told[i] for i in ids if i in told}

    def _texts(self, model: str, version: str, ids: Sequence[str]) -> dict[str, str]:
        import pandas as pd

        data_run = self._source.runs(model, version).get("data_run")
        if data_run is None:
            return {}
        with self._source.artifact(data_run, "data") as folder:
            frame = pd.read_parquet(folder / "rows.parquet", columns=["id", "text"])
        chosen = frame[frame["id"].isin(list(ids))]
        return dict(zip(chosen["id"].astype(str), chosen["text"].astype(str), strict=True))


def _trusted(decision: Mapping[str, Any]) -> bool:
    return any(rule["id"] == "verification" and rule["status"] == "met" for rule in decision["rules"])


def _weighed(word: str, now: float | None, before: float | None) -> dict[str, str]:
    """One word's importance in both explanations."""
    told = {name: "—" if weight is None else f"{weight:.3f}" for name, weight in (("now", now), ("before", before))}
    change = "new" if before is None else "gone" if now is None else f"{now - before:+.3f}"
    return {"word": word, **told, "change": change}


def _items(facts: Mapping[str, Any], kind: str = "evaluation", who: str = "") -> dict[str, tuple[str, float]]:
    """Label and served probability of each judged item; of a comparison, those of `who`."""
    report = facts.get(kind) or {}
    items = report.get("items") or {}
    if not items:
        return {}
    probability = items[who] if who else items["probability"][report["served"]]
    return {
        str(i): (str(label), float(p)) for i, label, p in zip(items["id"], items["label"], probability, strict=True)
    }


def _words(facts: Mapping[str, Any]) -> dict[str, float]:
    """Importance of each word of the global explanation, heaviest first."""
    features = ((facts.get("explanation") or {}).get("global") or {}).get("features") or []
    found = {str(row["word"]): float(row["importance"]) for row in features if row.get("importance") is not None}
    return dict(sorted(found.items(), key=lambda item: -item[1]))
