"""What MLflow's own accounts may do with a model. The gate adds demands; it never grants what MLflow would refuse.

Where the server has no login everybody may read, and nothing can be asked for, approved or moved anyway.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from homologate.errors import RefusedError

if TYPE_CHECKING:
    from homologate.settings import Settings

__all__ = ["can", "require", "require_admin"]

Action = Literal["read", "update"]


def can(action: Action, model: str, user: str | None = None) -> bool:
    """Whether `user` (default: who is asking) may read or update a registered model, by MLflow's own rules."""
    from registry_promotion.server._identity import user_or_none

    user = user or user_or_none()
    if user is None:
        return action == "read"
    from mlflow.server import auth
    from mlflow.server.handlers import _get_model_registry_store

    if auth.store.get_user(user).is_admin:
        return True
    permission = auth._get_role_permission_or_default(
        auth._role_permission_for(
            username=user,
            resource_type="registered_model",
            resource_key=model,
            workspace_lookup_id=model,
            workspace_fetcher=_get_model_registry_store().get_registered_model,
            workspace_label="registered model",
        )
    )
    return bool(permission.can_update if action == "update" else permission.can_read)


def require(action: Action, model: str, user: str | None) -> None:
    """Return if `can`.

    Raises:
        RefusedError: they may not.
    """
    if not can(action, model, user):
        raise RefusedError(
            f"{user!r} may not {action} the model {model!r}",
            next_command="ask an MLflow admin: grant_user_permission(user, 'registered_model', model, 'EDIT')",
        )


def require_admin(settings: Settings, user: str) -> None:
    """Return if `user` is an MLflow admin or named under `promotion.admins`.

    Raises:
        RefusedError: they are neither.
    """
    from mlflow.server import auth

    if user not in settings.promotion.admins and not auth.store.get_user(user).is_admin:
        raise RefusedError(
            f"{user!r} is not an admin",
            place="homologate.yaml, field promotion.admins",
            legal=", ".join(settings.promotion.admins) or "whoever administers this MLflow server",
            next_command="homologate as admin -- COMMAND, where this machine holds that account",
        )
