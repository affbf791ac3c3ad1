"""What the gate says about a version: asked of the ledger over HTTP, never read off a stage or a tag."""

from __future__ import annotations

from typing import Any, NamedTuple

from homologate.errors import RefusedError
from homologate.versions._cache import DIGEST_TAG
from homologate.versions._registry import ModelVersion, Registry

__all__ = ["Approval", "approval_of"]


class Approval(NamedTuple):
    """Why a version may answer: the move that put it where it stands.

    Attributes:
        model: registered name.
        version: its number.
        stage: where the ledger has it.
        digest: the bytes that were put there.
        since: since when, `2026-03-01T12:00:00Z`.
        by: who moved it.
        how: `transition`, `rollback` or `break_glass`.
        request: the request behind it; empty where the glass was broken.
        demonstration: whether it was judged by a demonstration's policy.
        expires_at: until when a broken glass is good, else None.
    """

    model: str
    version: str
    stage: str
    digest: str
    since: str
    by: str
    how: str
    request: str
    demonstration: bool
    expires_at: str | None


def approval_of(version: ModelVersion, registry: Registry, stage: str = "Production") -> Approval:
    """The ledger's decision that has `version` in `stage`.

    The stage a registry shows is not asked: on a server without the gate, or in a database someone edited, it proves
    nothing. Compare the digest of the bytes at hand with the answer's.

    Raises:
        RefusedError: no gate stands there, the ledger has nothing, another version or other bytes in the stage, or
            the glass that was broken for it has grown back.
        TrackingError: the registry does not answer, or refuses us.
    """
    found: dict[str, Any] | None = registry.placements(version.name).get(stage)
    ask = f"homologate request {version.name} {version.number} --to {stage} --reason …"
    if not found or str(found["version"]) != version.number:
        there = f"version {found['version']}, since {found['since']}" if found else "nothing"
        raise RefusedError(
            f"the ledger does not have {version} in {stage}: it has {there}", place=registry.uri, next_command=ask
        )
    if found["digest"] != version.tags.get(DIGEST_TAG):
        raise RefusedError(
            f"the ledger has {version} in {stage} as {found['digest']}, "
            f"the registry as {version.tags.get(DIGEST_TAG) or 'no digest at all'}",
            place=registry.uri,
            next_command="homologate audit drift  # where registry and ledger disagree",
        )
    if found["overdue"]:
        raise RefusedError(
            f"{version} went to {stage} through broken glass, good until {found['expires_at']}",
            place=registry.uri,
            next_command=ask,
        )
    fields = {name: found[name] for name in Approval._fields if name != "model"}
    return Approval(model=version.name, **fields)
