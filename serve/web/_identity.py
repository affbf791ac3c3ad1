"""As whom this process asks an Azure ML endpoint: a credential that needs no person, found by `azure-identity`.

The endpoint knows this process, not the technician; who asked is known here, from a verified token, and kept with the
prediction. A browser is never opened.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from homologate.errors import ServiceError
from serve.http import Problem

__all__ = ["AZURE_ENDPOINTS", "Identity"]

AZURE_ENDPOINTS = ".inference.ml.azure.com"
"""How the host names of Azure ML's managed online endpoints end."""

SCOPE = "https://ml.azure.com/.default"
EARLY = 300
"""Seconds before its end at which a token is taken anew."""


class Identity:
    """A token for the endpoint, kept until shortly before its end."""

    def __init__(self) -> None:
        self._token: Any = None
        self._taking = asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        """The header that names this process.

        Raises:
            Problem: 503, nobody is logged in to Azure here.
        """
        async with self._taking:
            if self._token is None or self._token.expires_on - time.time() < EARLY:
                self._token = await asyncio.to_thread(_take)
        return {"Authorization": f"Bearer {self._token.token}"}


def _take() -> Any:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.identity import DefaultAzureCredential

    try:
        with DefaultAzureCredential(exclude_interactive_browser_credential=True) as credential:
            return credential.get_token(SCOPE)
    except (ClientAuthenticationError, ValueError) as error:
        raise Problem(
            503,
            ServiceError(
                "this app is not logged in to Azure, so the endpoint cannot be asked",
                place=f"the credentials of this process: {type(error).__name__}",
                legal="a managed identity, a workload identity (AZURE_FEDERATED_TOKEN_FILE), or `az login`",
                next_command="az role assignment create --role 'AzureML Data Scientist' --assignee IDENTITY --scope …",
            ),
        ) from error
