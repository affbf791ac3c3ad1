"""The registry behind the gate: MLflow's own store, whose writes to governed models ask the keeper first.

The guard sits in the store, below every route: REST 2.0 and 3.0, ajax, GraphQL, prompts, and whatever MLflow mounts
next reach the same methods with arguments already parsed, so there is nothing to parse differently. Models that are not
governed pass through untouched. A store method that nobody has classified here stops the server at its start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from homologate.errors import RefusedError, ServiceError
from registry_promotion.lifecycle import ALIASES, alias_stage, stage_named
from registry_promotion.mover import GATE_TAGS
from registry_promotion.server._identity import is_gate, user_or_none
from registry_promotion.server._keeper import EVIDENCE_TAGS, Keeper
from registry_promotion.server._refusals import refusals_for_mlflow

__all__ = ["guard_registry"]

_ASKED = frozenset(
    {
        "create_model_version", "create_registered_model", "delete_model_version", "delete_model_version_tag",
        "delete_registered_model", "delete_registered_model_alias", "delete_registered_model_tag",
        "rename_registered_model", "set_model_version_tag", "set_registered_model_alias", "set_registered_model_tag",
        "transition_model_version_stage",
    }
)  # fmt: skip
"""Writes the guard answers itself."""

_BUILT_ON_THEM = frozenset(
    {
        "copy_model_version", "create_prompt", "create_prompt_version", "delete_prompt", "delete_prompt_alias",
        "delete_prompt_tag", "delete_prompt_version", "delete_prompt_version_tag", "set_prompt_alias",
        "set_prompt_tag", "set_prompt_version_tag",
    }
)  # fmt: skip
"""Writes that MLflow composes of the ones above, on `self`: they meet the same guard."""

_HARMLESS = frozenset(
    {
        "create_webhook", "delete_webhook", "get_latest_versions", "get_model_version", "get_model_version_by_alias",
        "get_model_version_download_uri", "get_prompt", "get_prompt_version", "get_prompt_version_by_alias",
        "get_registered_model", "get_webhook", "link_prompt_version_to_model", "link_prompt_version_to_run",
        "link_prompts_to_trace", "list_webhooks", "list_webhooks_by_event", "search_model_versions",
        "search_prompt_versions", "search_prompts", "search_registered_models", "test_webhook",
        "update_model_version", "update_registered_model", "update_webhook",
    }
)  # fmt: skip
"""Reads, descriptions, webhooks and links: nothing here says which bytes serve."""


def guard_registry(keeper: Keeper) -> None:
    """Make every registry store this process opens from now on ask `keeper`.

    Raises:
        ServiceError: this MLflow's store has a method we have not classified, or lacks one we guard.
    """
    from mlflow.server import handlers
    from mlflow.store.db.db_types import DATABASE_ENGINES
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking._model_registry import utils as fluent

    _classified(SqlAlchemyStore)
    if handlers._model_registry_store is not None:
        raise ServiceError("a registry store was opened before the gate closed", place="registry_promotion.server")
    for registry in (handlers._model_registry_store_registry, fluent._get_store_registry()):
        for scheme in DATABASE_ENGINES:
            registry.register(scheme, _guarded_builder(registry._registry[scheme], keeper))


def _classified(store: type) -> None:
    methods = {name for name in dir(store) if not name.startswith("_") and callable(getattr(store, name))}
    known = _ASKED | _BUILT_ON_THEM | _HARMLESS
    if strange := methods - known:
        raise ServiceError(
            f"this MLflow's registry can do things the gate does not know: {', '.join(sorted(strange))}",
            place=f"{store.__module__}.{store.__name__}",
            next_command="use the MLflow version of the lock, or classify them in registry_promotion.server._registry",
        )
    if missing := _ASKED - methods:
        raise ServiceError(
            f"this MLflow's registry lacks what the gate guards: {', '.join(sorted(missing))}",
            place=f"{store.__module__}.{store.__name__}",
            next_command="use the MLflow version of the lock",
        )


def _guarded_builder(build: Callable[..., Any], keeper: Keeper) -> Callable[..., Any]:
    def build_guarded(*args: Any, **named: Any) -> Any:
        store = build(*args, **named)
        kind = type(store)
        if not issubclass(kind, _Guard):
            store.__class__ = type(f"Guarded{kind.__name__}", (_Guard, kind), {"_keeper": keeper})
        return store

    return build_guarded


class _Guard:
    """Mixed in before the store class."""

    _keeper: Keeper

    def _watched(self, model: str) -> bool:
        """Whether this call must be asked about: somebody else's, on a governed model."""
        return not is_gate() and self._keeper.governs(model)

    # ── stages and aliases ────────────────────────────────────────────────────────────────────────────────────────

    def transition_model_version_stage(
        self, name: str, version: Any, stage: str, archive_existing_versions: bool = False
    ) -> Any:
        if not self._watched(name):
            return super().transition_model_version_stage(name, version, stage, archive_existing_versions)  # type: ignore[misc]
        with refusals_for_mlflow():
            return self._keeper.move(self, self._true(name, version), stage_named(stage), user_or_none())

    def set_registered_model_alias(self, name: str, alias: str, version: Any) -> None:
        stage = alias_stage(alias)
        if stage is None or not self._watched(name):
            super().set_registered_model_alias(name, alias, version)  # type: ignore[misc]
            return
        with refusals_for_mlflow():
            if alias != ALIASES[stage]:
                raise RefusedError(
                    f"alias {alias!r} reads like @{ALIASES[stage]}, which the gate moves",
                    legal=f"@{ALIASES[stage]} itself, or a name that cannot be taken for it",
                )
            self._keeper.move(self, self._true(name, version), stage, user_or_none())

    def delete_registered_model_alias(self, name: str, alias: str) -> None:
        if (stage := alias_stage(alias)) and self._watched(name):
            with refusals_for_mlflow():
                raise RefusedError(
                    f"@{alias} of {name!r} goes with the stage {stage}; it cannot be taken away on its own",
                    next_command=f"archive the version, or `homologate rollback {name} --reason …`",
                )
        super().delete_registered_model_alias(name, alias)  # type: ignore[misc]

    # ── what would make a judged version vanish, or appear under another name ─────────────────────────────────────

    def delete_model_version(self, name: str, version: Any) -> None:
        if self._watched(name):
            with refusals_for_mlflow():
                self._keeper.refuse_deletion(self._true(name, version))
        super().delete_model_version(name, version)  # type: ignore[misc]

    def delete_registered_model(self, name: str) -> None:
        if self._watched(name):
            with refusals_for_mlflow():
                self._keeper.refuse_if_staged(self, name, "deleted")
        super().delete_registered_model(name)  # type: ignore[misc]

    def rename_registered_model(self, name: str, new_name: str) -> Any:
        if self._watched(name) or self._watched(new_name):
            with refusals_for_mlflow():
                self._keeper.refuse_if_staged(self, name, f"renamed to {new_name!r}")
        return super().rename_registered_model(name, new_name)  # type: ignore[misc]

    # ── new models and versions ───────────────────────────────────────────────────────────────────────────────────

    def create_registered_model(self, name: str, tags: Any = None, *args: Any, **named: Any) -> Any:
        if self._watched(name):
            tags = _without_gate_tags(tags)
        return super().create_registered_model(name, tags, *args, **named)  # type: ignore[misc]

    def create_model_version(
        self, name: str, source: str, run_id: str | None = None, tags: Any = None, *args: Any, **named: Any
    ) -> Any:
        if self._watched(name):
            from mlflow.entities.model_registry import ModelVersionTag

            with refusals_for_mlflow():
                self._keeper.check_source(self, source, run_id)
            tags = _without_gate_tags(tags)
            if user := user_or_none():
                tags = [*tags, ModelVersionTag(f"{GATE_TAGS}registered_by", user)]
        return super().create_model_version(name, source, run_id, tags, *args, **named)  # type: ignore[misc]

    # ── tags the gate alone may write ─────────────────────────────────────────────────────────────────────────────

    def set_model_version_tag(self, name: str, version: Any, tag: Any) -> None:
        if self._watched(name):
            self._refuse_gate_tags([tag.key])
            self._refuse_sealed_tag(name, version, tag.key)
        super().set_model_version_tag(name, version, tag)  # type: ignore[misc]

    def delete_model_version_tag(self, name: str, version: Any, key: str) -> None:
        if self._watched(name):
            self._refuse_gate_tags([key])
            self._refuse_sealed_tag(name, version, key)
        super().delete_model_version_tag(name, version, key)  # type: ignore[misc]

    def set_registered_model_tag(self, name: str, tag: Any) -> None:
        if self._watched(name):
            self._refuse_gate_tags([tag.key])
        super().set_registered_model_tag(name, tag)  # type: ignore[misc]

    def delete_registered_model_tag(self, name: str, key: str) -> None:
        if self._watched(name):
            self._refuse_gate_tags([key])
        super().delete_registered_model_tag(name, key)  # type: ignore[misc]

    def _refuse_gate_tags(self, keys: Iterable[str]) -> None:
        for key in keys:
            if _is_gates(key):
                with refusals_for_mlflow():
                    raise RefusedError(
                        f"tag {key!r}: tags that begin with {GATE_TAGS!r} are written by the gate alone",
                        legal=f"any name that does not begin with {GATE_TAGS!r}",
                        next_command="homologate request MODEL VERSION --to STAGE --reason …",
                    )

    def _refuse_sealed_tag(self, name: str, version: Any, key: str) -> None:
        """Where the evidence of a judged version lies is part of what was judged."""
        if key.strip().casefold().startswith(EVIDENCE_TAGS):
            with refusals_for_mlflow():
                self._keeper.refuse_if_judged(self._true(name, version), f"change its tag {key!r}")

    def _true(self, name: str, version: Any) -> Any:
        """The version as the registry itself names it: `01` and `1` are one version."""
        return self.get_model_version(name, version)  # type: ignore[attr-defined]


def _is_gates(key: str) -> bool:
    return key.strip().casefold().startswith(GATE_TAGS)


def _without_gate_tags(tags: Any) -> list[Any]:
    """What is born, a copy above all, brings no word of the gate with it."""
    return [tag for tag in tags or () if not _is_gates(tag.key)]
