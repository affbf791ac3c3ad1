"""A policy says what it demands in sentences; anything unknown in it stops the reading and lists what is legal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from homologate.errors import UsageError
from registry_promotion.policy import explain
from registry_promotion.policy_files import POLICY_FOLDER, load_policies, load_policy, shipped_policies

STAGING = (POLICY_FOLDER / "staging.yaml").read_text(encoding="utf-8")


def written(tmp_path: Path, **changes: Any) -> Path:
    """The staging policy with its first rule, or (dotted) another field, changed."""
    raw = yaml.safe_load(STAGING)
    for name, value in changes.items():
        *parents, last = name.split("__")
        place = raw
        for parent in parents:
            place = place[int(parent) if parent.isdigit() else parent]
        place[last] = value
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rules__0__unit": "furlongs"}, r"unit = 'furlongs'(.|\n)*rule 'better-than-words'(.|\n)*legal: .*megabytes"),
        ({"rules__0__compare": "about"}, r"compare = 'about'(.|\n)*legal: at_least, at_most, is"),
        ({"rules__0__topic": "magic"}, r"topic = 'magic'(.|\n)*legal: behaviour, champion"),
        ({"rules__0__weight": 3}, r"weight = 3: Extra inputs(.|\n)*legal: id, topic, reads, compare, limit, unit"),
        ({"strictness": "low"}, r"strictness = 'low'(.|\n)*legal: schema, name, stage, demonstration, says, rules"),
        ({"sign_off__people": 2}, r"people = 2(.|\n)*legal: approvals, valid_days, approvers"),
        ({"sign_off__approvals": 0}, "greater than or equal to 1"),
        ({"sign_off__approvals": "2"}, "should be a valid integer"),
        (
            {"rules__0__reads": "hearsay.recall"},
            "unknown source of facts; legal: age, artifact, champion, comparison, data",
        ),
        ({"rules__0__reads": "evaluation..x"}, "String should match pattern"),
        ({"rules__0__reads": "evaluation.{each}.x"}, "lists no names under each"),
        ({"rules__0__each": ["a"]}, "has no {each}"),
        ({"rules__0__limit": "high"}, "does not fit the limit 'high'"),
        ({"rules__0__limit": float("nan")}, "does not fit the limit nan"),
        ({"rules__0__unit": "flag"}, "does not fit the limit 0.0"),
        ({"rules__1__id": "better-than-words"}, "two rules have the id better-than-words"),
        ({"rules__0__id": "Bad Id"}, "String should match pattern"),
        ({"rules__0__when": [{"reads": "evaluation.served", "equals": 1}]}, r"legal: reads, is"),
        ({"stage": "Archived"}, "stage 'Archived' is not guarded; legal: Production, Staging"),
        ({"schema": 2}, r"schema = 2"),
        ({"rules": []}, "at least 1 item"),
    ],
)
def test_anything_unknown_or_illegal_fails_at_load_with_what_is_legal(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told) as caught:
        load_policy(written(tmp_path, **change))
    assert str(tmp_path / "policy.yaml") in str(caught.value)


def test_a_rule_without_a_field_names_the_field_and_the_rule(tmp_path: Path) -> None:
    raw = yaml.safe_load(STAGING)
    del raw["rules"][2]["fix"]
    (tmp_path / "p.yaml").write_text(yaml.safe_dump(raw))
    with pytest.raises(UsageError, match=r"Field required(.|\n)*rule 'recall', field fix"):
        load_policy(tmp_path / "p.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: [", "cannot read the policy"),
        ("- 1", "valid dictionary"),
        ("schema: 1\nschema: 2\n", "the key 'schema' is given twice"),
        (STAGING.replace("    limit: 0.60", "    limit: 0.60\n    limit: 0.10"), "the key 'limit' is given twice"),
        ("!!python/object/apply:os.system ['true']", "cannot read the policy"),
    ],
)
def test_what_is_not_one_clear_mapping_is_refused(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(UsageError, match=told):
        load_policy(tmp_path / "p.yaml")


def test_a_missing_file_an_empty_folder_and_two_policies_for_a_stage_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the policy"):
        load_policy(tmp_path / "absent.yaml")
    with pytest.raises(UsageError, match="no policy in"):
        load_policies(tmp_path)
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(STAGING)
    with pytest.raises(UsageError, match="two policies for Staging"):
        load_policies(tmp_path)


def test_the_digest_changes_with_any_word_but_not_with_comments_or_layout(tmp_path: Path) -> None:
    original = load_policy(POLICY_FOLDER / "staging.yaml").digest
    (tmp_path / "same.yaml").write_text("# a comment\n" + yaml.safe_dump(yaml.safe_load(STAGING), sort_keys=True))
    assert load_policy(tmp_path / "same.yaml").digest == original
    for change in (
        {"rules__1__limit": 0.59},
        {"rules__0__says": "It counts words well."},
        {"sign_off__valid_days": 15},
    ):
        assert load_policy(written(tmp_path, **change)).digest != original


def test_a_changed_copy_has_its_own_digest() -> None:
    policy = load_policy(POLICY_FOLDER / "staging.yaml")
    before = policy.digest
    assert policy.model_copy(update={"says": "Something else entirely."}).digest != before


def test_a_policy_explains_itself_in_sentences() -> None:
    lines = explain(shipped_policies()["Production"])
    assert lines[0].startswith("production (Production): ")
    assert any(line.startswith("recall: It stops at least 65 %") for line in lines)
    assert lines[-1].startswith("2 different people, neither its author nor the one who asked, must approve")
    demo = explain(shipped_policies(demonstration=True)["Production"])
    assert "This policy is a demonstration: what it lets through is not approved for use." in demo


def test_the_strict_policies_demand_what_was_promised() -> None:
    production = shipped_policies()["Production"]
    assert {rule.topic for rule in production.rules} == {
        "behaviour", "champion", "cost", "evidence_age", "explanation", "leak", "parity", "provenance", "quality",
        "slices", "staging",
    }  # fmt: skip
    assert production.sign_off.approvals == 2
    assert not production.demonstration
