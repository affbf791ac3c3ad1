"""Who asks. One of three rules holds for the whole app, and a bare name is believed nowhere.

token    `--token-header`: a platform signs people in and puts their token into a header; it is verified here, again
key      the scoring server wants to know its callers: a person signs in with their own key, which that server checks
nobody   the scoring server asks nobody: on loopback, or where the operator says so, everyone may judge and no one,
being no one, may dispute
"""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from homologate.errors import RefusedError, UsageError
from serve.http import Issuer, Problem
from serve.web._server import About, Credential, ScoringServer
from serve.web._sessions import Session, Sessions

__all__ = ["Door", "MustSignIn", "Visitor"]


class MustSignIn(Exception):
    """The server wants to know who asks, and this browser has no session (any more)."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at a page.

    Attributes:
        name: as records and feedback name them (`key:line-3`, `oidc:…`); None where nobody is told apart.
        told: the same for a page; empty for nobody.
        credential: headers that make the server know them.
        session: None for nobody who has asked nothing yet.
        about: what the server said of itself and of them.
        by_key: whether they signed in here, and so can sign out.
    """

    name: str | None
    told: str
    credential: Credential
    session: Session | None
    about: About
    by_key: bool = False


class Door:
    """See the module.

    Args:
        server: who checks keys.
        sessions: the visits.
        token_header: the header with a person's token; None where no platform signs people in.
        issuer: whose tokens are believed.
        open: whether somebody unknown may use a server that asks nobody.
        secure: whether people come by https alone, so that the cookie never travels otherwise.
    """

    def __init__(
        self,
        server: ScoringServer,
        sessions: Sessions,
        *,
        token_header: str | None = None,
        issuer: Issuer | None = None,
        open: bool = True,
        secure: bool = False,
    ) -> None:
        if bool(token_header) != bool(issuer):
            raise UsageError(
                "a token is believed only where it can be verified",
                place="--token-header, --oidc-issuer, --oidc-audience",
                legal="all three, or none",
            )
        self.server, self.sessions = server, sessions
        self._header, self._issuer, self._open, self._secure = token_header, issuer, open, secure
        self.cookie = "__Host-homologate" if secure else "homologate"

    async def visitor(self, request: Request) -> Visitor:
        """Who sent a request.

        Raises:
            MustSignIn: nobody yet, and the server wants somebody.
            Problem: 401, no token or none that is believed; 403, nobody may ask here; else as `ScoringServer.about`.
        """
        if self._issuer is not None:
            return await self._bearer(request, self._issuer)
        session = self.sessions.find(request.cookies.get(self.cookie, ""))
        if session is not None and session.key:
            about = session.about or About(True)
            name = str(about.caller)
            return Visitor(name, name.partition(":")[2] or name, {"X-API-Key": session.key}, session, about, True)
        about = await self.server.about({})
        if about.refuses:
            raise MustSignIn
        if not self._open:
            raise Problem(
                403,
                RefusedError(
                    "this app is reached from other machines, and nothing says who may use it",
                    legal="a scoring server with --api-keys, or --token-header with --oidc-issuer, or --anybody",
                    next_command="homologate web --help",
                ),
            )
        return Visitor(None, "", {}, session, about)

    async def sign_in(self, key: str, response: Response, before: str) -> None:
        """Begin a session for whoever the server says holds `key`; the one before, if any, ends.

        Raises:
            Problem: 401, the server does not know the key; else as `ScoringServer.about`.
        """
        if not key or not key.isascii() or not key.isprintable():
            raise Problem(401, RefusedError("that is no key", legal="a key, as `homologate key NAME` prints it once"))
        about = await self.server.about({"X-API-Key": key})
        if about.caller is None:
            raise Problem(
                400, RefusedError("this scoring server asks nobody who they are; there is nothing to sign in to")
            )
        self.sessions.end(before)
        self.keep(Session(key=key, about=about), response)

    def keep(self, session: Session, response: Response) -> None:
        """Let the browser hold the number of a session, for this visit."""
        number = self.sessions.open(session)
        response.set_cookie(self.cookie, number, path="/", secure=self._secure, httponly=True, samesite="strict")

    def sign_out(self, request: Request, response: Response) -> None:
        """End the session, here and in the browser."""
        self.sessions.end(request.cookies.get(self.cookie, ""))
        response.delete_cookie(self.cookie, path="/", secure=self._secure, httponly=True, samesite="strict")

    async def _bearer(self, request: Request, issuer: Issuer) -> Visitor:
        header = request.headers.get(self._header or "", "")
        token = header[7:].strip() if header[:7].lower() == "bearer " else header.strip()
        if not token:
            raise Problem(
                401,
                RefusedError(
                    "the platform in front of this app sent no token",
                    place=f"header {self._header}",
                    legal=f"a token of {issuer.url} for {issuer.audience}",
                    next_command="sign in to the platform again; if that does not help, tell whoever runs this app",
                ),
            )
        person = await issuer.person(token)
        credential = {"Authorization": f"Bearer {token}"}
        session = self.sessions.of(person.id)
        if session.about is None:
            session.about = await self.server.about(credential)
        return Visitor(f"oidc:{person.id}", person.told, credential, session, session.about)
