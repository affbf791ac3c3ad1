"""Policies: what a version must show before it may stand in a stage. Data, strictly typed, in words a person can read.

A policy is one YAML file a stage. Each rule reads one fact by its path (`registry_promotion.paths`), compares it with a
limit, says in a sentence what it demands and what would mend it. What no policy can switch off is not in a policy: the
bytes are recomputed, every statement is verified, every report is about these bytes (`registry_promotion.decision`).

An unknown field, rule, comparison, unit or source of facts stops the reading and lists what is legal
(`registry_promotion.policy_files`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import BaseModel, ConfigDict, Field, model_validator

from homologate.attest import canonical, sha256_of
from registry_promotion.lifecycle import ALIASES
from registry_promotion.paths import PATH

__all__ = [
    "SOURCES",
    "UNITS",
    "Condition",
    "Policy",
    "Rule",
    "SignOff",
    "explain",
    "is_number",
]

Topic = Literal[
    "behaviour",
    "champion",
    "cost",
    "evidence_age",
    "explanation",
    "leak",
    "parity",
    "provenance",
    "quality",
    "slices",
    "staging",
]
Comparison = Literal["at_least", "at_most", "is"]
Unit = Literal["count", "days", "flag", "hours", "megabytes", "milliseconds", "points", "ratio", "share", "word"]

UNITS: dict[str, str] = {
    "count": "{:g}",
    "days": "{:.1f} days",
    "flag": "{}",
    "hours": "{:.1f} hours",
    "megabytes": "{:.4g} MB",
    "milliseconds": "{:.4g} ms",
    "points": "{:+.4f}",
    "ratio": "{:.4g}",
    "share": "{:.2%}",
    "word": "{}",
}
"""How a value of each unit is written. `points` are differences of a metric; `share` is of 1."""

SOURCES: dict[str, str] = {
    "age": "days since each report was measured, by its kind",
    "artifact": "the stored files of the version, counted now",
    "champion": "whether there is a version in Production",
    "comparison": "the paired test against the version in Production",
    "data": "the data report",
    "evaluation": "the evaluation report",
    "explanation": "the explanation report",
    "parity": "the parity report",
    "shadow": "the shadow report: answers beside the champion while in Staging",
    "staging": "the time in Staging, from the ledger",
    "training": "the signed training provenance",
}
"""Where facts come from: the first name of every path."""


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite number (a truth value is none)."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class Condition(_Strict):
    """When a rule applies: a fact that is, or is not, a value. A missing fact is no excuse: then nobody can tell."""

    reads: str = Field(pattern=PATH.pattern)
    value: bool | str | None = Field(alias="is")


class Rule(_Strict):
    """One demand on the evidence."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="unique in its policy; decisions refer to it")
    topic: Topic
    reads: str = Field(pattern=PATH.pattern, description="path of the fact")
    compare: Comparison
    limit: float | bool | str | Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    unit: Unit
    says: str = Field(min_length=10, description="the demand as a sentence")
    fix: str = Field(min_length=5, description="what would mend it")
    each: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        (), description="names that {each} in the path stands for; every one must hold"
    )
    when: Annotated[tuple[Condition, ...], Field(strict=False)] = Field(
        (), description="the rule applies only where all of these hold"
    )

    @model_validator(mode="after")
    def _fits(self) -> Rule:
        for path in (self.reads, *(condition.reads for condition in self.when)):
            if path.split(".")[0] not in SOURCES:
                raise ValueError(f"{path!r} reads an unknown source of facts; legal: {', '.join(SOURCES)}")
            if "{each}" in path and not self.each:
                raise ValueError(f"{path!r} has {{each}}, but the rule lists no names under each")
        if self.each and "{each}" not in self.reads:
            raise ValueError(f"the rule lists names under each, but {self.reads!r} has no {{each}}")
        number = is_number(self.limit)
        if (self.compare == "is") == number:
            raise ValueError(
                f"{self.compare!r} does not fit the limit {self.limit!r}; numbers take at_least or at_most"
            )
        if (self.unit in ("flag", "word")) == number:
            raise ValueError(f"unit {self.unit!r} does not fit the limit {self.limit!r}")
        return self

    @property
    def source(self) -> str:
        """Where its fact comes from, one of `SOURCES`."""
        return self.reads.split(".")[0]

    def holds(self, value: Any) -> bool:
        """Whether a value that fits the unit meets the limit."""
        if self.compare == "is":
            return bool(value in self.limit if isinstance(self.limit, tuple) else value == self.limit)
        assert is_number(self.limit)  # noqa: S101 (validated; this tells the type checker)
        return bool(value >= self.limit if self.compare == "at_least" else value <= self.limit)

    def written(self, value: Any) -> str:
        """A value in the rule's unit."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, tuple):
            return " or ".join(map(self.written, value))
        if not is_number(value):
            return str(value)
        return UNITS[self.unit].format(round(value, 2) if self.unit in ("days", "hours") else value)

    @property
    def demand(self) -> str:
        """The comparison and the limit, for a table: `at least 70.00%`."""
        return f"{self.compare.replace('_', ' ')} {self.written(self.limit)}"


class SignOff(_Strict):
    """Who must agree."""

    approvals: int = Field(ge=1, le=10, description="distinct people who approve; never the author or the requester")
    valid_days: float = Field(gt=0, le=365, description="an approval older than this counts no more")
    approvers: Annotated[tuple[str, ...], Field(strict=False)] = Field(
        (), description="the accounts that may approve; empty means any account"
    )


class Policy(_Strict):
    """Everything demanded of a version before it may stand in one stage."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    stage: str
    demonstration: bool = Field(False, description="marks every decision made under it as a demonstration")
    says: str = Field(min_length=10, description="what the policy is for")
    rules: Annotated[tuple[Rule, ...], Field(strict=False, min_length=1)]
    sign_off: SignOff

    @model_validator(mode="after")
    def _consistent(self) -> Policy:
        if self.stage not in ALIASES:
            raise ValueError(f"stage {self.stage!r} is not guarded; legal: {', '.join(ALIASES)}")
        ids = [rule.id for rule in self.rules]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"two rules have the id {', '.join(twice)}")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of what the policy demands, `"sha256:<hex>"`; comments and layout do not count, every word does."""
        return _digest(self)


@functools.lru_cache(maxsize=64)
def _digest(policy: Policy) -> str:
    # Kept by value, not on the object: a changed copy must not carry the digest of what it was copied from.
    return sha256_of(canonical(policy.model_dump(mode="json", by_alias=True)))


def explain(policy: Policy) -> list[str]:
    """A policy as sentences, in the order a reviewer reads them."""
    return list(_sentences(policy))


def _sentences(policy: Policy) -> Iterator[str]:
    yield f"{policy.name} ({policy.stage}): {policy.says}"
    if policy.demonstration:
        yield "This policy is a demonstration: what it lets through is not approved for use."
    yield "The bytes are recomputed, every statement about them is verified, every report must be about these bytes."
    for rule in policy.rules:
        names = f" for each of {', '.join(rule.each)}" if rule.each else ""
        excuse = " (where known)" if rule.when else ""
        yield f"{rule.id}: {rule.says}{excuse} [{rule.reads} {rule.demand}{names}]"
    people = "person" if policy.sign_off.approvals == 1 else "different people"
    among = f" among {', '.join(policy.sign_off.approvers)}" if policy.sign_off.approvers else ""
    yield (
        f"{policy.sign_off.approvals} {people}{among}, neither its author nor the one who asked, must approve; "
        f"an approval counts for {policy.sign_off.valid_days:g} {'day' if policy.sign_off.valid_days == 1 else 'days'} "
        "and only for these bytes, this policy and the "
        "champion it was given against."
    )
