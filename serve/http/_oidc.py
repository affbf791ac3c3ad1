"""Bearer tokens of an OpenID Connect issuer (Entra ID or any other), checked against its published keys.

Only asymmetric algorithms are accepted; issuer, audience and expiry are required. The issuer's keys are fetched once
and again only for a key id not seen before, at most every ten seconds, so nobody can make this server hammer it.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, NamedTuple

import jwt

from homologate.errors import RefusedError, ServiceError, UsageError
from serve.http._problem import Problem

__all__ = ["Issuer", "Person"]

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY_SECONDS = 30
REFETCH_SECONDS = 10.0
PATIENCE_SECONDS = 5.0
_PERSONAL = ("preferred_username", "upn", "email", "name")
"""Claims that only a token about a person has, the one that people recognise first."""


class Person(NamedTuple):
    """Who a token is about: `id` names them for ever, `told` is what people call them and may change."""

    id: str
    told: str


class Issuer:
    """Whose tokens are believed.

    Args:
        url: the issuer, as its tokens name it in `iss`; https, or http on loopback.
        audience: what tokens must name in `aud`: this server.
    """

    def __init__(self, url: str, audience: str) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
            raise UsageError(f"no issuer {url!r}", place="--oidc-issuer", legal="https://…, or http:// on loopback")
        self.url, self.audience = url, audience
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = -REFETCH_SECONDS
        self._fetching = asyncio.Lock()

    async def person(self, token: str) -> Person:
        """Who holds `token`: its `sub`, or the application (`azp`, `appid`) where a program asks for itself.

        A token that speaks of a person is the person's, whichever application fetched it for them.

        Raises:
            Problem: 401, the token is not to be believed; 503, the issuer's keys cannot be had.
        """
        try:
            header = jwt.get_unverified_header(token)
            if header.get("alg") not in ALGORITHMS:
                raise jwt.InvalidAlgorithmError(f"algorithm {header.get('alg')!r:.40} is not accepted")
            claims = jwt.decode(
                token,
                await self._key(str(header.get("kid", ""))),
                algorithms=ALGORITHMS,
                audience=self.audience,
                issuer=self.url,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise Problem(
                401,
                RefusedError(
                    f"the bearer token is not accepted: {error!s:.200}",
                    place="header Authorization",
                    legal=f"a token of {self.url} for {self.audience}",
                ),
            ) from None
        told = next((str(claims[name]) for name in _PERSONAL if isinstance(claims.get(name), str)), None)
        if told is None and "scp" not in claims:
            program = str(claims.get("azp") or claims.get("appid") or claims["sub"])
            return Person(program, program)
        return Person(str(claims["sub"]), told or str(claims["sub"]))

    async def _key(self, kid: str) -> jwt.PyJWK:
        if kid not in self._keys:
            async with self._fetching:
                if kid not in self._keys and time.monotonic() - self._fetched >= REFETCH_SECONDS:
                    self._fetched = time.monotonic()
                    self._keys = await asyncio.to_thread(self._fetch)
        if kid not in self._keys:
            raise jwt.InvalidKeyError(f"the issuer has no key {kid!r:.60}")
        return self._keys[kid]

    def _fetch(self) -> dict[str, jwt.PyJWK]:
        try:
            about = _get(self.url.rstrip("/") + "/.well-known/openid-configuration")
            if about.get("issuer") != self.url:
                raise ValueError(f"it calls itself {about.get('issuer')!r:.100}")
            published = _get(str(about["jwks_uri"]))["keys"]
            return {str(raw["kid"]): jwt.PyJWK(raw) for raw in published if _is_signing_key(raw)}
        except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
            raise Problem(
                503,
                ServiceError(f"the issuer's keys cannot be had: {error!s:.200}", place=self.url),
                retry_after=int(REFETCH_SECONDS),
            ) from error


def _get(url: str) -> Any:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        raise ValueError(f"{url!r:.100} is not https")
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 (scheme checked)
        return json.loads(answer.read(1 << 20))


def _is_signing_key(raw: dict[str, Any]) -> bool:
    return raw.get("kty") in {"RSA", "EC", "OKP"} and raw.get("use", "sig") == "sig" and "kid" in raw


def _is_loopback(host: str | None) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}
