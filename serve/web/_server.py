"""The server that judges, asked over HTTP: ours, stock `mlflow models serve`, or an Azure ML endpoint.

Which of them it is, is learnt from what it answers. All three speak MLflow's scoring protocol; ours also says who the
caller is (`/v1/caller`), takes the family and the slow reading (`/v1/score`), feedback and the queue. Whatever goes
wrong leaves as a Problem in the words of the server that said it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

import httpx

from homologate.errors import DataError, HomologateError, RefusedError, ServiceError, UsageError
from serve.http import Problem
from serve.web._answers import of_invocation, of_score
from serve.web._identity import Identity
from serve.web._verdict import Verdict

__all__ = ["About", "Credential", "ScoringServer"]

_Answer = TypeVar("_Answer")
Credential = Mapping[str, str]
"""The headers by which one person is known to the server; empty for nobody."""

LOOKS_AGAIN = 5.0
"""Seconds for which what a server said of itself is believed."""
PATIENCE = httpx.Timeout(30.0, connect=3.0)
MOST_ANSWER = 16 << 20
"""Bytes of an answer; a longer one is no answer to our questions."""


class About(NamedTuple):
    """What is known of the server, and of the caller who asked it.

    Attributes:
        ours: whether it is `homologate serve`.
        caller: the name it knows the caller by; None where it does not tell people apart.
        refuses: whether it wants a credential and was shown none.
        feedback: whether it takes feedback itself.
        texts, characters: the most of one request, of one text; None where it does not say.
    """

    ours: bool
    caller: str | None = None
    refuses: bool = False
    feedback: bool = False
    texts: int | None = None
    characters: int | None = None


class ScoringServer:
    """See the module.

    Args:
        url: its address; a path in it (`/score` of an Azure ML endpoint) is where it judges, else `/invocations`.
        labels: `(negative, positive)` where an answer does not name both.
        identity: as whom this process asks; None where each person's own credential is sent on.
        plain: whether credentials may travel unencrypted over a network.

    Raises:
        UsageError: `url` is not an http address, or would carry credentials in the clear though `plain` is not said.
    """

    def __init__(
        self,
        url: str,
        labels: tuple[str, str],
        identity: Identity | None = None,
        *,
        plain: bool = False,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise UsageError(f"no address {url!r}", place="--server", legal="http://host:port or https://host[/path]")
        if parts.scheme == "http" and parts.hostname not in {"127.0.0.1", "localhost", "::1"} and not plain:
            raise UsageError(
                f"technicians' keys would travel unencrypted to {parts.hostname}",
                place="--server",
                legal="https://…, or http:// on this machine",
                next_command="homologate web --plain-http  # on a network where nobody else listens",
            )
        self.url, self.labels, self.identity = url.rstrip("/"), labels, identity
        self._invocations = parts.path.rstrip("/") or "/invocations"
        # The certificates the environment names, as everywhere; its proxies are not for a server one names by address.
        verified = httpx.create_ssl_context()
        self._client = httpx.AsyncClient(
            base_url=f"{parts.scheme}://{parts.netloc}", timeout=PATIENCE, verify=verified, trust_env=False
        )
        self._nobody: tuple[float, About] = (-LOOKS_AGAIN, About(False))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def about(self, who: Credential) -> About:
        """What the server says of itself and of a caller; of nobody it is asked every five seconds at most.

        Raises:
            Problem: 401, it does not accept the credential; else as `judge`.
        """
        if self.identity is not None:
            return About(False)
        if not who and time.monotonic() - self._nobody[0] < LOOKS_AGAIN:
            return self._nobody[1]
        try:
            told = await self._ask("GET", "/v1/caller", who)
            limits = told["limits"]
            found = About(True, told["caller"], False, told["feedback"], limits["texts"], limits["characters"])
        except Problem as problem:
            if who and problem.status == 401:
                raise
            if problem.status not in {401, 404, 405}:
                raise
            # Only a server that asks people who they are answers 401; a stock one knows no such address.
            found = About(problem.status == 401, refuses=problem.status == 401)
        if not who:
            self._nobody = (time.monotonic(), found)
        return found

    async def judge(self, text: str, who: Credential, about: About, *, family: str = "", slow: bool = False) -> Verdict:
        """The verdict on one text, with the words that decided it.

        Raises:
            Problem: 400, 413, the text cannot be judged; 401, 403, the credential is not accepted; 429, too often, with
                the seconds to wait; 502, the server failed; 503, it is away or busy; 504, it took too long.
        """
        if about.ours:
            asked = {"text": text, "explain": "occlusion" if slow else True, "component": family}
            verdict = self._read(of_score, text, family, await self._ask("POST", "/v1/score", who, asked))
            return replace(verdict, how="late") if slow and verdict.how != "occlusion" else verdict
        (verdict,) = await self._judged([text], who, explain=True)
        return replace(verdict, family=family)

    async def judge_all(self, texts: Sequence[str], who: Credential) -> list[Verdict]:
        """The verdicts on several texts, in their order. Raises as `judge`."""
        return await self._judged(texts, who, explain=False)

    async def give(self, who: Credential, remark: Mapping[str, str]) -> None:
        """Say what is true about a prediction, where the server takes feedback. Raises as `judge`; 404, no such id."""
        await self._ask("POST", "/v1/feedback", who, dict(remark))

    async def queue(self, who: Credential, most: int) -> list[dict[str, Any]]:
        """The texts most useful to label, best first. Raises as `judge`."""
        items: list[dict[str, Any]] = (await self._ask("GET", f"/v1/queue?most={most}", who))["items"]
        return items

    async def answers(self) -> bool:
        """Whether anything listens there at all."""
        try:
            await self._client.get("/health" if self.identity is None else "/", timeout=2.0)
        except httpx.HTTPError:
            return False
        return True

    async def _judged(self, texts: Sequence[str], who: Credential, *, explain: bool) -> list[Verdict]:
        asked = {"dataframe_records": [{"text": text} for text in texts], "params": {"explain": explain}}
        try:
            response = await self._send("POST", self._invocations, who, asked)
        except Problem as problem:
            if problem.status in {404, 405}:
                raise _no_server(self.url, f"{self._invocations} is no door of it") from problem
            raise
        return self._read(of_invocation, texts, _json(response), response.headers)

    def _read(self, reader: Callable[..., _Answer], *given: Any) -> _Answer:
        try:
            return reader(*given, self.labels)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _no_server(self.url, f"the answer lacks {error!s:.100}") from error

    async def _ask(self, method: str, path: str, who: Credential, body: dict[str, Any] | None = None) -> Any:
        return _json(await self._send(method, path, who, body))

    async def _send(
        self, method: str, path: str, who: Credential, body: dict[str, Any] | None = None
    ) -> httpx.Response:
        headers = dict(who) if self.identity is None else await self.identity.headers()
        try:
            response = await self._client.request(method, path, json=body, headers=headers)
        except httpx.TimeoutException as error:
            raise Problem(
                504, ServiceError("the scoring server took too long", next_command="ask again in a minute")
            ) from error
        except httpx.HTTPError as error:
            raise Problem(
                503,
                ServiceError(
                    "the scoring server does not answer",
                    place=self.url,
                    next_command="tell whoever runs it; your text is kept in the field, ask again in a minute",
                ),
                retry_after=10,
            ) from error
        if len(response.content) > MOST_ANSWER:
            raise _no_server(self.url, f"{len(response.content)} bytes")
        if response.status_code >= 300:
            raise _problem(response, self.url)
        return response


def _json(response: httpx.Response) -> Any:
    try:
        found = response.json()
        # Azure's inference server answers JSON inside a JSON string where a script returns one.
        return json.loads(found) if isinstance(found, str) else found
    except ValueError as error:
        raise _no_server(str(response.url), "the answer is no JSON") from error


def _no_server(url: str, why: str) -> Problem:
    legal = "homologate serve, mlflow models serve, or an Azure ML endpoint"
    return Problem(502, ServiceError(f"what answers is no scoring server: {why}", place=url, legal=legal))


def _problem(response: httpx.Response, url: str) -> Problem:
    """What a server said of a fault, in its own words, under a status that fits ours."""
    status = response.status_code
    try:
        told = response.json()
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    found = told.get("error")
    error: dict[str, Any] = found if isinstance(found, dict) else {}
    message = str(error.get("message") or told.get("message") or f"the scoring server answered {status}")[:500]
    kind: type[HomologateError] = DataError if status in {400, 404, 413, 415, 422} else ServiceError
    kind = RefusedError if status in {401, 403} else kind
    named = {"place": error.get("place") or url, "legal": error.get("legal"), "next_command": error.get("next")}
    after = response.headers.get("retry-after", "")
    kept = status if status in {400, 401, 403, 404, 405, 413, 429, 503, 504} else 400 if status < 500 else 502
    return Problem(kept, kind(message, **named), retry_after=int(after) if after.isdecimal() else None)
