"""Who made a run, written by the server: the author that four eyes are counted against.

`mlflow.user` is whatever a client says. A run created through this server also carries `gate.author`, the account that
was authenticated, and no client can write, change or drop that tag. Runs that a decision rests on cannot be deleted,
and a shadow report about judged bytes cannot be hidden: it stays finished, and says what it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from homologate.errors import RefusedError, ServiceError
from registry_promotion.mover import GATE_TAGS
from registry_promotion.server._identity import is_gate, user_or_none
from registry_promotion.server._keeper import Keeper
from registry_promotion.server._refusals import as_mlflow
from registry_promotion.shadow import DIGEST_TAG, SHADOW, STEP_TAG

__all__ = ["AUTHOR_TAG", "guard_tracking"]

AUTHOR_TAG = f"{GATE_TAGS}author"
"""The run tag that names the authenticated account which created the run."""

_FOUND_BY = frozenset({STEP_TAG, DIGEST_TAG})
_NEEDED = ("create_run", "set_tag", "delete_tag", "log_batch", "update_run_info", "delete_run", "delete_experiment")


def guard_tracking(keeper: Keeper) -> None:
    """Make every tracking store this process opens from now on stamp authors and keep the runs of judged versions.

    Raises:
        ServiceError: this MLflow's store lacks a method we guard.
    """
    from mlflow.server import handlers
    from mlflow.store.db.db_types import DATABASE_ENGINES
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
    from mlflow.tracking._tracking_service import utils as fluent

    if missing := [name for name in _NEEDED if not callable(getattr(SqlAlchemyStore, name, None))]:
        raise ServiceError(
            f"this MLflow's tracking store lacks what the gate guards: {', '.join(missing)}",
            next_command="use the MLflow version of the lock",
        )
    if handlers._tracking_store is not None:
        raise ServiceError("a tracking store was opened before the gate closed", place="registry_promotion.server")
    for registry in (handlers._tracking_store_registry, fluent._tracking_store_registry):
        for scheme in DATABASE_ENGINES:
            registry.register(scheme, _guarded_builder(registry._registry[scheme], keeper))


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

    def create_run(self, experiment_id: str, user_id: str, start_time: int, tags: Any, run_name: str) -> Any:
        from mlflow.entities import RunTag

        kept = [tag for tag in tags or () if not _reserved(tag.key)]
        if user := user_or_none():
            kept.append(RunTag(AUTHOR_TAG, user))
        return super().create_run(experiment_id, user_id, start_time, kept, run_name)  # type: ignore[misc]

    def set_tag(self, run_id: str, tag: Any) -> Any:
        self._refuse_tags(run_id, [tag.key])
        return super().set_tag(run_id, tag)  # type: ignore[misc]

    def delete_tag(self, run_id: str, key: str) -> Any:
        self._refuse_tags(run_id, [key])
        return super().delete_tag(run_id, key)  # type: ignore[misc]

    def log_batch(self, run_id: str, metrics: Any, params: Any, tags: Any) -> Any:
        self._refuse_tags(run_id, [tag.key for tag in tags or ()])
        return super().log_batch(run_id, metrics, params, tags)  # type: ignore[misc]

    def update_run_info(self, run_id: str, run_status: Any, end_time: Any, run_name: Any) -> Any:
        from mlflow.entities import RunStatus

        if run_status not in (None, RunStatus.FINISHED):
            self._keep_shadow(run_id, "be opened again")
        return super().update_run_info(run_id, run_status, end_time, run_name)  # type: ignore[misc]

    def delete_run(self, run_id: str) -> Any:
        self._keep_shadow(run_id, "be deleted")
        self._keep(self.get_run(run_id).info.artifact_uri, f"run {run_id}")  # type: ignore[attr-defined]
        return super().delete_run(run_id)  # type: ignore[misc]

    def delete_experiment(self, experiment_id: str) -> Any:
        location = self.get_experiment(experiment_id).artifact_location  # type: ignore[attr-defined]
        self._keep(location, f"experiment {experiment_id}")
        return super().delete_experiment(experiment_id)  # type: ignore[misc]

    def _refuse_tags(self, run_id: str, keys: list[str]) -> None:
        _refuse_reserved(keys)
        if not _FOUND_BY.isdisjoint(keys):
            self._keep_shadow(run_id, "say that it is about something else")

    def _keep_shadow(self, run_id: str, fate: str) -> None:
        """Refuse to hide a finished shadow report about bytes the ledger knows: the newest one counts, also if bad."""
        run = self.get_run(run_id)  # type: ignore[attr-defined]
        tags = run.data.tags
        if run.info.status != "FINISHED" or tags.get(STEP_TAG) != SHADOW or is_gate():
            return
        if self._keeper.gate.knows(tags.get(DIGEST_TAG, "")):
            raise as_mlflow(
                RefusedError(
                    f"run {run_id} is a shadow report about a version that was judged; it cannot {fate}",
                    next_command="serve it in the shadow for longer, and report again: the newest report counts",
                )
            )

    def _keep(self, location: str, what: str) -> None:
        if is_gate():
            return
        try:
            self._keeper.check_write(location)
        except Exception as error:
            raise as_mlflow(
                RefusedError(
                    f"{what} cannot be deleted: a version that was judged rests on it",
                    place=location,
                    next_command="archive the version instead; the record stays",
                )
            ) from error


def _reserved(key: str) -> bool:
    return key.strip().casefold().startswith(GATE_TAGS)


def _refuse_reserved(keys: Iterable[str]) -> None:
    for key in keys:
        if _reserved(key) and not is_gate():
            raise as_mlflow(
                RefusedError(
                    f"tag {key!r}: tags that begin with {GATE_TAGS!r} are written by the gate alone",
                    legal=f"any name that does not begin with {GATE_TAGS!r}",
                )
            )
