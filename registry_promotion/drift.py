"""What a registry says that its ledger does not: the same question for our server and for registries we cannot guard.

A guarded server lets none of this happen; a database edited by hand, a blob overwritten beside the server, a backup
restored, or a registry without a guard does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from homologate.errors import HomologateError
from registry_promotion.lifecycle import ALIASES, held

__all__ = ["drift"]


def drift(registry: Any, gate: Any, models: Iterable[str], mend: str) -> Iterator[dict[str, str]]:
    """Every stage, alias or artifact of `models` that disagrees with the ledger.

    Args:
        registry: MLflow's store, or what behaves like it; `has_aliases` false where it knows none.
        gate: the gate whose ledger is believed.
        models: registered names.
        mend: what makes the registry follow the ledger.

    Yields:
        `model`, `what` (`stage`, `alias`, `bytes`), `where`, `registry` and `ledger` (what each says), `fix`.
    """
    for model in models:
        pointing = {alias: str(v) for alias, v in registry.get_registered_model(model).aliases.items()}
        has_aliases = getattr(registry, "has_aliases", True)
        for stage, alias in ALIASES.items():
            should = gate.current(model, stage)
            found = held(registry, model, stage)
            if found != ((should,) if should else ()):
                yield _line(model, "stage", stage, found, should, mend)
            if has_aliases and pointing.get(alias) != should:
                yield _line(model, "alias", f"@{alias}", (pointing[alias],) if alias in pointing else (), should, mend)
            if should:
                yield from _bytes(gate, model, stage, should)


def _bytes(gate: Any, model: str, stage: str, version: str) -> Iterator[dict[str, str]]:
    promised = gate.digest_of(model, version)
    try:
        stored = gate.evidence_source.digest(model, version)
    except HomologateError as error:
        stored = f"cannot be read: {error.problem}"
    if promised and stored != promised:
        yield {
            "model": model,
            "what": "bytes",
            "where": f"version {version} in {stage}",
            "registry": stored,
            "ledger": promised,
            "fix": f"homologate rollback {model} --reason 'the bytes of version {version} were changed'",
        }


def _line(model: str, what: str, where: str, found: tuple[str, ...], should: str | None, mend: str) -> dict[str, str]:
    return {
        "model": model,
        "what": what,
        "where": where,
        "registry": ", ".join(f"version {v}" for v in found) or "nothing",
        "ledger": f"version {should}" if should else "nothing",
        "fix": mend if should else "archive it, then request and promote it",
    }
