"""Stages and aliases move in step, here and nowhere else.

    Production ⇔ @champion          exactly one version
    Staging    ⇔ @challenger        at most one version

MLflow deprecates stages; when they go, this file changes and no other. A *registry* is anything with MLflow's own
method names: an `MlflowClient`, or the store inside the server. This module decides nothing: whoever calls it has asked
the gate.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from homologate.errors import UsageError

__all__ = ["ALIASES", "STAGES", "alias_stage", "held", "place", "stage_named"]

ALIASES: Mapping[str, str] = MappingProxyType({"Production": "champion", "Staging": "challenger"})
"""The alias of each stage the gate guards."""

STAGES = ("None", "Staging", "Production", "Archived")
"""Every stage a version may be in, as MLflow spells them."""


def stage_named(word: str) -> str:
    """The stage a person means by `word`, as MLflow spells it.

    Raises:
        UsageError: there is no such stage.
    """
    for stage in STAGES:
        if stage.casefold() == word.strip().casefold():
            return stage
    raise UsageError(f"no stage {word!r}", place="--to", legal=STAGES)


def alias_stage(alias: str) -> str | None:
    """The stage an alias stands for, or None for an alias of the user's own. Case is not a way around it."""
    for stage, name in ALIASES.items():
        if name == alias.strip().casefold():
            return stage
    return None


def held(registry: Any, model: str, stage: str) -> tuple[str, ...]:
    """The versions of `model` that the registry has in `stage`, lowest first. More than one is a fault to report."""
    found = registry.search_model_versions(f"name = '{_quoted(model)}'", max_results=10_000)
    return tuple(sorted((str(v.version) for v in found if v.current_stage == stage), key=int))


def place(registry: Any, model: str, version: str, stage: str) -> Any:
    """Put `version` into `stage`, move the aliases with it, and archive what stood there before.

    Idempotent, so that a move cut short by a kill can simply be made again. The version that leaves and the one that
    comes change stage in one transaction of the registry; the alias follows in the next.

    Returns:
        The registry's entity of the version, after the move.
    """
    registry.transition_model_version_stage(
        name=model, version=version, stage=stage, archive_existing_versions=stage in ALIASES
    )
    pointing = {alias: str(v) for alias, v in registry.get_registered_model(model).aliases.items()}
    for its_stage, alias in ALIASES.items():
        if its_stage == stage and pointing.get(alias) != version:
            registry.set_registered_model_alias(model, alias, version)
        elif its_stage != stage and pointing.get(alias) == version:
            registry.delete_registered_model_alias(model, alias)
    return registry.get_model_version(model, version)


def _quoted(name: str) -> str:
    """A name inside a search filter. MLflow's grammar has no escape, so a quote in a name cannot be searched for."""
    if "'" in name:
        raise UsageError(f"a model name with a quote cannot be searched for: {name!r}", place="model name")
    return name
