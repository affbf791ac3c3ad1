"""What a request and a placement are at one moment: the shapes that `registry_promotion.standing` folds the rows into.

request ──► refused                          the evidence did not hold
│
▼
open ──► rejected · superseded · void       somebody said no · asked anew · bytes, rules or champion changed
│
▼
approved ──► promoted                         enough people said yes; one request makes one move
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homologate.attest.statements import timestamp
from registry_promotion.sign_off import Approval

__all__ = ["OPEN_STATES", "Answer", "Placement", "Request"]

OPEN_STATES = ("open", "approved")
"""A request in one of these states still waits for something."""


@dataclass(frozen=True)
class Answer:
    """What one person answered.

    Attributes:
        by: the account.
        at: when.
        answer: `approved` or `rejected`.
        comment: in their words.
        approval: what the yes was given for, or None for a no.
    """

    by: str
    at: datetime
    answer: str
    comment: str
    approval: Approval | None

    def facts(self) -> dict[str, Any]:
        """The answer as JSON-serialisable facts."""
        return {"by": self.by, "at": timestamp(self.at), "answer": self.answer, "comment": self.comment}


@dataclass(frozen=True)
class Request:
    """One request for a version to go to a stage, as the ledger tells it.

    Attributes:
        id: the number of its row, as text.
        model: registered name.
        version: version number, as text.
        stage: the stage asked for.
        digest: the bytes it is about, or None where they could not be read.
        policy_digest: the rules it was judged by.
        champion_version: what it was compared with, or None.
        champion_digest: its digest, or None.
        authors: who made the version, as known then.
        requested_by: who asked.
        requested_at: when.
        reason: in their words.
        needed: how many different people must approve.
        answers: every answer, oldest first.
        state: `open`, `approved`, `refused`, `rejected`, `superseded`, `void` or `promoted`.
    """

    id: str
    model: str
    version: str
    stage: str
    digest: str | None
    policy_digest: str
    champion_version: str | None
    champion_digest: str | None
    authors: frozenset[str]
    requested_by: str
    requested_at: datetime
    reason: str
    needed: int
    answers: tuple[Answer, ...] = ()
    state: str = "open"

    @property
    def open(self) -> bool:
        """Whether it still waits for an answer or for its move."""
        return self.state in OPEN_STATES

    @property
    def approvals(self) -> tuple[Approval, ...]:
        """Every yes."""
        return tuple(answer.approval for answer in self.answers if answer.approval)

    def facts(self) -> dict[str, Any]:
        """The request as JSON-serialisable facts, without the decision."""
        return {
            "id": self.id,
            "model": self.model,
            "version": self.version,
            "stage": self.stage,
            "digest": self.digest,
            "policy_digest": self.policy_digest,
            "champion_version": self.champion_version,
            "champion_digest": self.champion_digest,
            "authors": sorted(self.authors),
            "requested_by": self.requested_by,
            "requested_at": timestamp(self.requested_at),
            "reason": self.reason,
            "needed": self.needed,
            "approvals": [answer.facts() for answer in self.answers],
            "state": self.state,
            "open": self.open,
        }


@dataclass(frozen=True)
class Placement:
    """A version that stands in a stage.

    Attributes:
        model: registered name.
        version: version number, as text.
        stage: where it stands.
        digest: the bytes that were put there.
        since: since when.
        by: who moved it.
        how: `transition`, `rollback` or `break_glass`.
        request: the request behind it, or empty.
        demonstration: whether it was judged by a demonstration's policy.
        expires_at: until when a broken glass is good, or None.
    """

    model: str
    version: str
    stage: str
    digest: str | None
    since: datetime
    by: str
    how: str
    request: str = ""
    demonstration: bool = False
    expires_at: datetime | None = None

    def facts(self, now: datetime | None = None) -> dict[str, Any]:
        """The placement as JSON-serialisable facts; with `now`, whether its broken glass is overdue."""
        return {
            "version": self.version,
            "stage": self.stage,
            "digest": self.digest,
            "since": timestamp(self.since),
            "by": self.by,
            "how": self.how,
            "request": self.request,
            "demonstration": self.demonstration,
            "break_glass": self.how == "break_glass",
            "expires_at": timestamp(self.expires_at) if self.expires_at else None,
            "overdue": bool(self.expires_at and now and now > self.expires_at),
        }
