"""One rule against the facts: met, not met, cannot tell, or does not apply. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from registry_promotion.bundle import EvidenceBundle
from registry_promotion.paths import MISSING, look_up
from registry_promotion.policy import Rule, is_number

__all__ = ["RuleResult", "Status", "always", "judge"]

Status = Literal["met", "not_met", "cannot_tell", "does_not_apply"]


@dataclass(frozen=True)
class RuleResult:
    """What became of one rule.

    Attributes:
        id: of the rule.
        topic: what it is about.
        sentence: what it demands.
        status: `met`, `not_met`, `cannot_tell` or `does_not_apply`.
        value: what was found, in the rule's unit; empty where nothing was.
        limit: what was demanded, in the rule's unit.
        reason: why it cannot be told or does not apply.
        fix: what would mend it; empty where nothing needs mending.
        evidence: where a person finds the report.
    """

    id: str
    topic: str
    sentence: str
    status: Status
    value: str = ""
    limit: str = ""
    reason: str = ""
    fix: str = ""
    evidence: str = ""

    @property
    def refuses(self) -> bool:
        """Whether this result alone refuses."""
        return self.status in ("not_met", "cannot_tell")


def always(evidence: EvidenceBundle) -> Iterator[RuleResult]:
    """The rules no policy can switch off."""
    says = "The bytes were found and their digest recomputed."
    if evidence.digest is None:
        yield RuleResult(
            "digest", "provenance", says, "cannot_tell", reason="the model directory could not be read",
            fix="make the version's artifacts readable again, or register it anew",
        )  # fmt: skip
    else:
        yield RuleResult("digest", "provenance", says, "met", value=evidence.digest)
    yield _verified(evidence)
    says = "Every report is about exactly these bytes."
    odd = evidence.strangers()
    if odd or evidence.digest is None:
        reason = f"about other bytes: {', '.join(odd)}" if odd else "nobody knows which bytes"
        yield RuleResult(
            "subject", "provenance", says, "cannot_tell", reason=reason, fix="measure these bytes and sign that"
        )
    else:
        yield RuleResult("subject", "provenance", says, "met")
    says = "It is known who made this version, so that they cannot approve it."
    if evidence.authors:
        yield RuleResult("authors", "provenance", says, "met", value=", ".join(sorted(evidence.authors)))
    else:
        yield RuleResult(
            "authors", "provenance", says, "cannot_tell", reason="no run and no registration names an account",
            fix="train and register with a login",
        )  # fmt: skip


def _verified(evidence: EvidenceBundle) -> RuleResult:
    says = (
        "Every statement about the bytes is signed by a trusted key, complete and unchanged; the bill of materials "
        "names exactly these files; the data described is the data trained on."
    )
    report = evidence.verification
    if report.get("ok") is True and report.get("digest") == evidence.digest is not None:
        return RuleResult("verification", "provenance", says, "met", value=f"{len(report.get('checks', ()))} checks")
    faults = [check for check in report.get("checks", ()) if check.get("status") != "met"]
    told = any(check.get("status") == "not_met" for check in faults)
    reason = "; ".join(f"{check['id']}: {check['sentence']}" for check in faults) or "nothing was verified"
    fixes = dict.fromkeys(check["fix"] for check in faults if check.get("fix"))
    return RuleResult(
        "verification", "provenance", says, "not_met" if told else "cannot_tell", reason=reason,
        fix="; ".join(fixes) or "homologate evidence verify",
    )  # fmt: skip


def judge(rule: Rule, facts: Mapping[str, Any], places: Mapping[str, str]) -> Iterator[RuleResult]:
    """One result for the rule, or one for each of the names it lists.

    Args:
        rule: from the policy.
        facts: believed facts by source.
        places: where a person finds each report, by source.
    """
    for each in rule.each or (None,):
        status, value, reason = _apply(rule, facts, each)
        yield RuleResult(
            id=f"{rule.id}.{each}" if each else rule.id,
            topic=rule.topic,
            sentence=rule.says,
            status=status,
            value=value,
            limit=rule.demand,
            reason=reason,
            fix=rule.fix if status in ("not_met", "cannot_tell") else "",
            evidence=places.get(each or "" if rule.source == "age" else rule.source, ""),
        )


def _apply(rule: Rule, facts: Mapping[str, Any], each: str | None) -> tuple[Status, str, str]:
    """Status, value and reason of one rule."""
    for condition in rule.when:
        given = look_up(facts, condition.reads, each)
        path = _filled(condition.reads, each)
        if given is MISSING:
            return "cannot_tell", "", f"nobody says whether the rule applies: {path} is missing"
        if given != condition.value or type(given) is not type(condition.value):
            return "does_not_apply", "", f"{path} is {given!s}"
    found: Any = look_up(facts, rule.reads, each)
    if found is MISSING:
        return "cannot_tell", "", f"{_filled(rule.reads, each)} is missing from the evidence"
    if found is None:
        return "cannot_tell", "", f"{_filled(rule.reads, each)} could not be measured"
    if isinstance(found, list) and rule.unit == "count":  # of a list, how many count
        shown = ": ".join([str(len(found)), *([", ".join(map(str, found))[:200]] if found else [])])
        found = len(found)
    else:
        shown = rule.written(found)
    if (rule.compare == "is") == is_number(found) or not isinstance(found, int | float | str):
        return "cannot_tell", "", f"{_filled(rule.reads, each)} is {str(found)[:60]!r}, not a value of unit {rule.unit}"
    return ("met" if rule.holds(found) else "not_met"), shown, ""


def _filled(path: str, each: str | None) -> str:
    return path.replace("{each}", each or "")
