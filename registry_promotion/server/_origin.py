"""A write must come from this very origin: what stands between a reviewer's login and another site's page.

Browsers send Basic credentials with every request to us, whoever's page asked. Two independent walls: the browser says
where a request comes from (`Sec-Fetch-Site`, `Origin`), and a form carries a token that only our pages hand out.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from homologate.errors import RefusedError

__all__ = ["check_token", "same_origin_required", "token"]

TOKEN_SECONDS = 12 * 3600


def same_origin_required() -> None:
    """Return unless the browser says that another site sent this request. Programs say nothing and pass.

    Raises:
        RefusedError: another origin.
    """
    from flask import request

    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site not in (None, "same-origin", "none") or (origin and urlsplit(origin).netloc != request.host):
        raise RefusedError(
            f"a write from another site ({origin or site}) is not accepted",
            next_command="open the page on this server and press the button there",
        )


def token(user: str) -> str:
    """A form token for `user`, good for twelve hours."""
    return str(_serializer().dumps(user))


def check_token(user: str, given: str) -> None:
    """Return if `given` is a token of `user` that is still good.

    Raises:
        RefusedError: it is missing, another's, changed or old.
    """
    from itsdangerous import BadData

    try:
        if _serializer().loads(given, max_age=TOKEN_SECONDS) == user:
            return
    except BadData:
        pass
    raise RefusedError("this form is old or not yours; nothing was changed", next_command="open the page again")


def _serializer() -> Any:
    from flask import current_app
    from itsdangerous import URLSafeTimedSerializer

    return URLSafeTimedSerializer(str(current_app.secret_key), salt="homologate.gate.form")
