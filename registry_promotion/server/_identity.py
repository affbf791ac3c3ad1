"""Who is asking: the account the server authenticated, never a name the client sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from homologate.errors import RefusedError

__all__ = ["acting_as_gate", "is_gate", "user_or_none", "user_required"]

_acting: ContextVar[bool] = ContextVar("acting_as_gate", default=False)


@contextmanager
def acting_as_gate() -> Iterator[None]:
    """Inside this block the guarded stores obey: the gate has decided and now does it."""
    token = _acting.set(True)
    try:
        yield
    finally:
        _acting.reset(token)


def is_gate() -> bool:
    """Whether this very call is the gate's own."""
    return _acting.get()


def user_or_none() -> str | None:
    """The authenticated account of the request being served; None where the server has no login or serves none."""
    from flask import g, has_request_context

    if not has_request_context():
        return None
    user = getattr(g, "mlflow_authenticated_user", None)
    return str(user) if user else None


def user_required(action: str) -> str:
    """The authenticated account.

    Raises:
        RefusedError: there is none, so two people cannot be told apart.
    """
    user = user_or_none()
    if user is None:
        raise RefusedError(
            f"this server has no login, so it cannot know who wants to {action}",
            place="homologate.yaml, field promotion.login",
            legal="basic-auth",
            next_command="set promotion.login to basic-auth and start the server again",
        )
    return user
