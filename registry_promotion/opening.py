"""What a gate is opened with, from the settings and the environment: policies, the key that signs answers, models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from registry_promotion.policy import Policy
from registry_promotion.policy_files import load_policies, shipped_policies

if TYPE_CHECKING:
    from homologate.attest import SigningKey
    from homologate.settings import Settings

__all__ = ["governed", "policies_of", "signer_of"]


def policies_of(settings: Settings) -> Mapping[str, Policy]:
    """The policies the settings name: the shipped ones, the demonstration, or a folder's.

    Raises:
        UsageError: a policy is wrong.
    """
    named = settings.promotion.policies
    if named in ("shipped", "demo"):
        return shipped_policies(demonstration=named == "demo")
    return load_policies(named)


def signer_of(settings: Settings) -> SigningKey | None:
    """The key that signs people's answers; None where there is none."""
    from homologate.attest import load_signing_key
    from homologate.attest.keys import SIGNING_KEY_VARIABLE

    if not os.environ.get(SIGNING_KEY_VARIABLE) and not (Path(settings.home) / "keys" / "signing.pem").exists():
        return None
    return load_signing_key(settings.home)


def governed(settings: Settings) -> tuple[str, ...]:
    """Names and patterns of the models under the gate."""
    return settings.promotion.models or (settings.model,)
