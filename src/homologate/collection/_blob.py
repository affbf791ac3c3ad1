"""A store in Azure Blob Storage: `wasbs://<container>@<account>.blob.core.windows.net/<prefix>`, as MLflow names it.

Credential, first that is there: `AZURE_STORAGE_CONNECTION_STRING`, else what `DefaultAzureCredential` finds (managed
identity, workload identity, `az login`). Nothing is read from settings. A blob appears whole: one upload, one commit.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

from homologate.errors import StorageError, UsageError

__all__ = ["BlobStore"]

CONNECTION_STRING = "AZURE_STORAGE_CONNECTION_STRING"
_ADDRESS = re.compile(r"wasbs://([a-z0-9-]{3,63})@([a-z0-9.-]+)(?:/(.*))?")


class BlobStore:
    """See the module and `Store`.

    Args:
        address: as above.

    Raises:
        StorageError: no credential can be had.
        UsageError: the address is not of that form.
    """

    def __init__(self, address: str) -> None:
        match = _ADDRESS.fullmatch(address)
        if match is None:
            legal = "wasbs://<container>@<account>.blob.core.windows.net/<prefix>"
            raise UsageError(f"no address of a blob container: {address!r}", place="collection.store", legal=legal)
        from azure.storage.blob import BlobServiceClient

        container, account, prefix = match.groups()
        self.address, self._prefix = address, f"{prefix.strip('/')}/" if prefix else ""
        connection = os.environ.get(CONNECTION_STRING)
        # The shipper comes back by itself: two quick tries are enough here, and a dead store is told soon.
        limits: dict[str, Any] = {"retry_total": 2, "connection_timeout": 10, "read_timeout": 60}
        with self._faults(""):
            if connection:
                service = BlobServiceClient.from_connection_string(connection, **limits)
            else:
                from azure.identity import DefaultAzureCredential

                service = BlobServiceClient(f"https://{account}", credential=DefaultAzureCredential(), **limits)
            self._container = service.get_container_client(container)

    def __str__(self) -> str:
        return self.address

    def names(self, prefix: str = "") -> Iterator[str]:
        """See `Store`."""
        with self._faults(prefix):
            for name in self._container.list_blob_names(name_starts_with=self._prefix + prefix):
                if name.endswith(".jsonl"):
                    yield name.removeprefix(self._prefix)

    def read(self, name: str) -> bytes:
        """See `Store`."""
        with self._faults(name):
            return bytes(self._container.download_blob(self._prefix + name).readall())

    def put(self, name: str, data: bytes) -> bool:
        """See `Store`."""
        from azure.core.exceptions import ResourceExistsError

        with self._faults(name):
            try:
                self._container.upload_blob(self._prefix + name, data, overwrite=False)
            except ResourceExistsError:
                return False
        return True

    def replace(self, name: str, data: bytes) -> None:
        """See `Store`."""
        with self._faults(name):
            self._container.upload_blob(self._prefix + name, data, overwrite=True)

    def delete(self, name: str) -> None:
        """See `Store`."""
        from azure.core.exceptions import ResourceNotFoundError

        with self._faults(name), contextlib.suppress(ResourceNotFoundError):
            self._container.delete_blob(self._prefix + name)

    @contextlib.contextmanager
    def _faults(self, name: str) -> Iterator[None]:
        from azure.core.exceptions import AzureError

        try:
            yield
        except (AzureError, ValueError) as error:
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise StorageError(
                f"the store will not: {told}",
                place=f"{self.address}, {name}" if name else self.address,
                legal=f"a container that exists; {CONNECTION_STRING} or an Azure login that may write blobs there",
                next_command="az login  # or set the connection string in the environment",
            ) from error
