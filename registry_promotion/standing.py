"""What the rows of the ledger add up to: requests and their state, and what stands in each stage. Pure.

Nothing else is kept anywhere: `Standing` is folded from the rows, oldest first, and two servers that read the same rows
know the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from homologate.errors import StorageError
from registry_promotion.ledger import Row
from registry_promotion.sign_off import Approval, same_person
from registry_promotion.states import Answer, Placement, Request
from registry_promotion.verifier import FIRST

__all__ = ["Standing"]

MOVES = ("transition", "rollback", "break_glass")
"""Kinds of rows that put a version into a stage."""

UNGUARDED = ("None", "Archived")
"""Stages that a version is in without standing anywhere."""


@dataclass(frozen=True)
class Standing:
    """Everything the rows up to `seq` say. It never changes; `grown` makes the next one.

    Attributes:
        seq: number of the last row folded in.
        hash: its hash.
        at: when it was written, or None.
        requests: by id, oldest first.
        placements: what stands, by model and stage.
        produced: the placements in Production that a rollback steps back through, by model, oldest first.
        timeline: what stood at each change, by model: `(when, {stage: placement})`, oldest first.
        digests: the digest last recorded for a version, by model and version.
        judged: versions that were requested or moved into a guarded stage, with the number of the last row about each.
        rows: the numbers of each model's rows, oldest first.
        refused: when a move was last refused, by model, version, stage, who and why.
    """

    seq: int = 0
    hash: str = FIRST
    at: datetime | None = None
    requests: dict[str, Request] = field(default_factory=dict)
    placements: dict[str, dict[str, Placement]] = field(default_factory=dict)
    produced: dict[str, list[Placement]] = field(default_factory=dict)
    timeline: dict[str, list[tuple[datetime, dict[str, Placement]]]] = field(default_factory=dict)
    digests: dict[tuple[str, str], str] = field(default_factory=dict)
    judged: dict[tuple[str, str], int] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)
    refused: dict[tuple[str, str, str, str, str], datetime] = field(default_factory=dict)

    def grown(self, rows: Sequence[Row]) -> Standing:
        """What there is after the next rows.

        Raises:
            StorageError: a row does not follow the one before it.
        """
        if not rows:
            return self
        last = rows[-1]
        after = Standing(
            seq=last.seq,
            hash=last.hash,
            at=last.at,
            requests=dict(self.requests),
            placements=dict(self.placements),
            produced={model: list(stack) for model, stack in self.produced.items()},
            timeline={model: list(changes) for model, changes in self.timeline.items()},
            digests=dict(self.digests),
            judged=dict(self.judged),
            rows={model: list(numbers) for model, numbers in self.rows.items()},
            refused=dict(self.refused),
        )
        number, digest = self.seq, self.hash
        for row in rows:
            if row.seq != number + 1 or row.previous != digest:
                raise StorageError(
                    f"row {row.seq} of the ledger does not follow row {number}: the ledger was changed",
                    next_command="homologate audit verify",
                )
            after._take(row)
            number, digest = row.seq, row.hash
        return after

    def current(self, model: str, stage: str, at: datetime | None = None) -> Placement | None:
        """What stands in a stage, now or at a moment."""
        if at is None:
            return self.placements.get(model, {}).get(stage)
        found: Placement | None = None
        for when, stages in self.timeline.get(model, []):
            if when > at:
                break
            found = stages.get(stage)
        return found

    def before(self, model: str) -> Placement | None:
        """What a rollback would put back into Production."""
        stack = self.produced.get(model, [])
        return stack[-2] if len(stack) > 1 else None

    def _take(self, row: Row) -> None:
        entry = row.entry
        if entry.model:
            self.rows.setdefault(entry.model, []).append(row.seq)
        if entry.digest and entry.version:
            self.digests[entry.model, entry.version] = entry.digest
        version, moved = (entry.model, entry.version), entry.kind in MOVES and entry.stage not in UNGUARDED
        if entry.kind == "request" or moved or version in self.judged:
            self.judged[version] = row.seq
        asked = self.requests.get(str(entry.payload.get("request", "")))
        match entry.kind:
            case "request":
                self._ask(row)
            case "approval" | "rejection" if asked:
                self._answer(row, asked)
            case "refusal" if asked and entry.payload.get("ends"):
                self.requests[asked.id] = replace(asked, state="refused")
            case "refusal":
                self.refused[entry.model, entry.version, entry.stage, entry.who, entry.reason] = row.at
            case kind if kind in MOVES:
                self._place(row)
                if asked:
                    self.requests[asked.id] = replace(asked, state="promoted")

    def _ask(self, row: Row) -> None:
        entry, payload = row.entry, row.entry.payload
        for other in list(self.requests.values()):
            if other.open and (other.model, other.version, other.stage) == (entry.model, entry.version, entry.stage):
                self.requests[other.id] = replace(other, state="superseded")
        champion = payload.get("champion") or {}
        self.requests[str(row.seq)] = Request(
            id=str(row.seq),
            model=entry.model,
            version=entry.version,
            stage=entry.stage,
            digest=entry.digest,
            policy_digest=entry.policy_digest or "",
            champion_version=champion.get("version"),
            champion_digest=champion.get("digest"),
            authors=frozenset(payload.get("authors", ())),
            requested_by=entry.who,
            requested_at=row.at,
            reason=entry.reason,
            needed=int(payload.get("needed", 1)),
        )

    def _answer(self, row: Row, asked: Request) -> None:
        entry, yes = row.entry, row.entry.kind == "approval"
        approval = None
        if yes:
            against = entry.payload.get("champion_digest")
            approval = Approval(entry.who, row.at, entry.reason, entry.digest or "", entry.policy_digest or "", against)
        answer = Answer(entry.who, row.at, "approved" if yes else "rejected", entry.reason, approval)
        answered = replace(asked, answers=(*asked.answers, answer))
        people = [one.by for one in answered.approvals]
        different = sum(not any(same_person(one, other) for other in people[:n]) for n, one in enumerate(people))
        state = asked.state
        if asked.open:
            state = "rejected" if not yes else "approved" if different >= asked.needed else "open"
        self.requests[asked.id] = replace(answered, state=state)

    def _place(self, row: Row) -> None:
        entry, payload = row.entry, row.entry.payload
        stages = {s: p for s, p in self.placements.get(entry.model, {}).items() if p.version != entry.version}
        expires = payload.get("expires_at")
        placed = Placement(
            model=entry.model,
            version=entry.version,
            stage=entry.stage,
            digest=entry.digest,
            since=row.at,
            by=entry.who,
            how=entry.kind,
            request=str(payload.get("request", "")),
            demonstration=bool(payload.get("demonstration", False)),
            expires_at=datetime.fromisoformat(expires) if expires else None,
        )
        if entry.stage not in UNGUARDED:
            stages[entry.stage] = placed
        if entry.stage == "Production":
            stack = self.produced.setdefault(entry.model, [])
            if entry.kind == "rollback":
                del stack[-2:]
            elif stack and stack[-1].version == entry.version:
                del stack[-1]
            stack.append(placed)
            self._void(entry.model, placed.digest)
        self.placements[entry.model] = stages
        self.timeline.setdefault(entry.model, []).append((row.at, dict(stages)))

    def _void(self, model: str, champion_digest: str | None) -> None:
        """Open requests of a model that were judged against another champion are void."""
        for asked in list(self.requests.values()):
            if asked.open and asked.model == model and asked.champion_digest != champion_digest:
                self.requests[asked.id] = replace(asked, state="void")
