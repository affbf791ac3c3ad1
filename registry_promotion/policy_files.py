"""Policies as files: one YAML a stage, read whole or not at all; a fault names file, rule, field, what is legal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from homologate.errors import UsageError
from registry_promotion.policy import Condition, Policy, Rule, SignOff

__all__ = ["POLICY_FOLDER", "load_policies", "load_policy", "shipped_policies"]

POLICY_FOLDER = Path(__file__).with_name("policies")


def load_policy(path: str | os.PathLike[str]) -> Policy:
    """Read one policy.

    Raises:
        UsageError: it is missing, not YAML, gives a key twice, or holds anything unknown; the message lists what is
            legal.
    """
    file = Path(path)
    try:
        raw = yaml.load(file.read_text(encoding="utf-8"), Loader=_OnceLoader)  # noqa: S506 (a SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"cannot read the policy: {error}", place=str(file)) from error
    try:
        return Policy.model_validate(raw)
    except ValidationError as error:
        raise _explained(error, raw, file) from error


def load_policies(folder: str | os.PathLike[str]) -> dict[str, Policy]:
    """Every policy of a folder by its stage.

    Raises:
        UsageError: a file is not a policy, two are for one stage, or there is none.
    """
    found: dict[str, Policy] = {}
    for file in sorted(Path(folder).glob("*.yaml")):
        policy = load_policy(file)
        if policy.stage in found:
            raise UsageError(
                f"two policies for {policy.stage}: {found[policy.stage].name!r} and {policy.name!r}",
                place=str(folder),
                legal="one policy a stage",
            )
        found[policy.stage] = policy
    if not found:
        raise UsageError(f"no policy in {str(folder)!r}", legal="*.yaml, one a stage", place=str(folder))
    return found


def shipped_policies(*, demonstration: bool = False) -> dict[str, Policy]:
    """The policies that come with the project: the strict ones, or the demonstration's."""
    names = ("demo-staging", "demo") if demonstration else ("staging", "production")
    policies = [load_policy(POLICY_FOLDER / f"{name}.yaml") for name in names]
    return {policy.stage: policy for policy in policies}


class _OnceLoader(yaml.SafeLoader):
    """A loader that refuses a key given twice: two readers could take two different limits from it."""


def _mapping_once(loader: _OnceLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if key in found:
            raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} is given twice", key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_OnceLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_once)


def _explained(error: ValidationError, raw: Any, file: Path) -> UsageError:
    """The first fault of a policy, with the rule it is in and the values that would be legal."""
    first = error.errors()[0]
    location = [str(part) for part in first["loc"]]
    field = ".".join(location) or "(top level)"
    owner: type[BaseModel] = Policy
    place = f"{file}, {field}"
    if location[:1] == ["rules"] and len(location) > 1 and isinstance(raw, dict):
        rule = raw["rules"][int(location[1])]
        named = rule.get("id") if isinstance(rule, dict) else None
        place = f"{file}, rule {named or location[1]!r}, field {'.'.join(location[2:]) or '(whole rule)'}"
        owner = Condition if "when" in location[2:-1] else Rule
    elif location[:1] == ["sign_off"] and len(location) > 1:
        owner = SignOff
    legal: Any = None
    if first["type"] in ("extra_forbidden", "missing"):
        legal = [info.alias or name for name, info in owner.model_fields.items()]
    elif location and location[-1] in owner.model_fields:
        legal = get_args(owner.model_fields[location[-1]].annotation) or None
    given = first["input"] if isinstance(first["input"], str | int | float | bool | None) else "…"
    return UsageError(
        f"{location[-1] if location else 'policy'} = {given!r}: {first['msg']}",
        place=place,
        legal=legal,
        next_command="homologate policy explain",
    )
