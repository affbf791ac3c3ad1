"""Who may ask, and how often.

The rule: with neither a key file nor an issuer, everyone who reaches the port may ask (it is bound to loopback then).
With one or both, a caller must show a key the file knows **or** a token of the issuer; status pages stay open to all.
"""

from __future__ import annotations

import time
from collections import OrderedDict

from homologate.errors import RefusedError
from serve.http import Issuer, Problem
from serve.server._asked import Asked
from serve.server._keys import PREFIX, KeyFile

__all__ = ["Access", "Pace"]


class Access:
    """The door: names the caller of a request, or refuses."""

    def __init__(self, keys: KeyFile | None = None, issuer: Issuer | None = None) -> None:
        self.keys, self.issuer = keys, issuer

    @property
    def open(self) -> bool:
        """Whether anybody may ask."""
        return self.keys is None and self.issuer is None

    async def caller(self, asked: Asked) -> str | None:
        """The caller's name, or None where anybody may ask.

        Raises:
            Problem: 401, the request shows nothing that is accepted here.
        """
        if self.open:
            return None
        scheme, _, credential = asked.said(b"authorization").partition(" ")
        credential = credential.strip() if scheme.lower() == "bearer" else ""
        key = asked.said(b"x-api-key") or (credential if credential.startswith(PREFIX) else "")
        if self.keys is not None and key:
            name = self.keys.caller(key)
            if name is not None:
                return f"key:{name}"
        elif self.issuer is not None and credential:
            return f"oidc:{(await self.issuer.person(credential)).id}"
        raise Problem(401, self._refusal(bool(key or credential)))

    def _refusal(self, shown: bool) -> RefusedError:
        legal = []
        if self.keys is not None:
            legal.append("an API key (X-API-Key, or Authorization: Bearer)")
        if self.issuer is not None:
            legal.append(f"a bearer token of {self.issuer.url}")
        return RefusedError(
            "the credential is not accepted" if shown else "the request shows no credential",
            place="headers X-API-Key, Authorization",
            legal=" or ".join(legal),
            next_command="homologate key NAME  # on the server, makes an API key",
        )


class Pace:
    """A token bucket for every caller.

    Args:
        rate: requests a second on average; None never refuses.
        burst: requests that may come at once.
    """

    MOST_CALLERS = 10_000

    def __init__(self, rate: float | None, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float | None = None) -> None:
        """Count one request of `caller`.

        Raises:
            Problem: 429 with the seconds until the next is allowed.
        """
        if self.rate is None:
            return
        now = time.monotonic() if now is None else now
        left, seen = self._buckets.pop(caller, (float(self.burst), now))
        left = min(self.burst, left + (now - seen) * self.rate)
        granted = left >= 1
        self._buckets[caller] = (left - 1 if granted else left, now)
        if len(self._buckets) > self.MOST_CALLERS:
            self._buckets.popitem(last=False)  # the caller silent for longest; its bucket was the fullest
        if not granted:
            seconds = max(1, round((1 - left) / self.rate + 0.5))
            raise Problem(
                429,
                RefusedError(
                    f"{caller} asks too often",
                    legal=f"{self.rate:g} requests a second, {self.burst} at once (--rate, --burst)",
                    next_command=f"ask again in {seconds} s",
                ),
                retry_after=seconds,
            )
