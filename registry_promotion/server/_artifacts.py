"""No byte of a judged version changes: a guard on every artifact repository this server opens.

The guard sits where bytes are written, not where requests arrive. REST, ajax, the native FastAPI routes, multipart
uploads, the UI's own upload and whatever MLflow adds next all end in one of these methods, with the path that is truly
used, so no spelling of an address can go around it. An upload that was already under way when its version was judged
is refused at its end: what it sent is thrown away before it replaces anything.
"""

from __future__ import annotations

import asyncio
import inspect
import posixpath
from collections.abc import AsyncIterable, AsyncIterator, Callable
from typing import Any, BinaryIO

from homologate.errors import ServiceError

__all__ = ["guard_artifact_repositories"]

Check = Callable[[str], None]

_WRITES = frozenset(
    {
        "abort_multipart_upload", "complete_multipart_upload", "create_multipart_upload", "create_presigned_upload_url",
        "delete_artifacts", "log_artifact", "log_artifact_from_async_stream", "log_artifact_from_stream",
        "log_artifacts", "upload_archived_trace_data", "upload_archived_trace_data_bytes", "upload_attachment",
        "upload_trace_data",
    }
)  # fmt: skip
_READS = frozenset(
    {
        "download_archived_trace_data", "download_artifacts", "download_trace_attachment", "download_trace_data",
        "flush_async_logging", "get_download_presigned_url", "get_local_path", "list_artifacts",
    }
)  # fmt: skip


def guard_artifact_repositories(check: Check) -> None:
    """Make every artifact repository opened by this process from now on ask `check(location)` before it writes.

    `check` raises what the caller shall be told. Repositories of schemes registered by other packages are guarded too.

    Raises:
        ServiceError: this MLflow has a repository method we do not know, which might write.
    """
    from mlflow.store.artifact import artifact_repo
    from mlflow.store.artifact.artifact_repository_registry import _artifact_repository_registry as registry

    bases = [
        kind
        for _, kind in inspect.getmembers(artifact_repo, inspect.isclass)
        if kind.__module__ == artifact_repo.__name__
    ]
    known = {
        name
        for kind in bases
        if issubclass(kind, artifact_repo.ArtifactRepository) or kind.__name__.endswith("Mixin")
        for name, member in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_") and member.__qualname__.startswith(kind.__name__)
    }
    if strange := known - _WRITES - _READS:
        raise ServiceError(
            f"this MLflow can do things to artifacts that the gate does not know: {', '.join(sorted(strange))}",
            place="mlflow.store.artifact.artifact_repo",
            next_command="use the MLflow version of the lock, or classify them in registry_promotion.server._artifacts",
        )
    if missing := _WRITES - known:
        raise ServiceError(
            f"this MLflow lacks artifact methods the gate guards: {', '.join(sorted(missing))}",
            place="mlflow.store.artifact.artifact_repo",
            next_command="use the MLflow version of the lock",
        )
    for scheme, build in list(registry.get_registered_artifact_repositories().items()):
        registry.register(scheme, _guarded_builder(build, check))


def _guarded_builder(build: Callable[..., Any], check: Check) -> Callable[..., Any]:
    made: dict[type, type] = {}  # a class made for each request would cost more than all that the guard asks

    def guarded(kind: type) -> type:
        if kind not in made:
            made[kind] = type(f"Guarded{kind.__name__}", (_Guard, kind), {"_check_write": staticmethod(check)})
        return made[kind]

    def build_guarded(*args: Any, **named: Any) -> Any:
        repository = build(*args, **named)
        kind = type(repository)
        if not issubclass(kind, _Guard):
            repository.__class__ = guarded(kind)
        return repository

    return build_guarded


class _Guard:
    """Mixed in before a repository class: every writing method asks first."""

    artifact_uri: str
    _check_write: Check

    def _ask(self, name: str | None) -> None:
        """Ask about `name` in this repository's folder; None means the folder itself."""
        self._check_write(posixpath.join(self.artifact_uri, name) if name else self.artifact_uri)

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        self._ask(_joined(artifact_path, local_file))
        super().log_artifact(local_file, artifact_path)  # type: ignore[misc]

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        self._ask(artifact_path)
        super().log_artifacts(local_dir, artifact_path)  # type: ignore[misc]

    def log_artifact_from_stream(
        self, stream: BinaryIO, artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        target = _joined(artifact_path, artifact_file_name)
        self._ask(target)
        asking = _AskingStream(stream, lambda: self._ask(target))
        super().log_artifact_from_stream(asking, artifact_file_name, artifact_path)  # type: ignore[misc]

    async def log_artifact_from_async_stream(
        self, chunks: AsyncIterable[bytes], artifact_file_name: str, artifact_path: str | None = None
    ) -> None:
        target = _joined(artifact_path, artifact_file_name)
        await asyncio.to_thread(self._ask, target)  # the ledger may be waited for, by nobody else's request
        asking = _asking_chunks(chunks, lambda: self._ask(target))
        await super().log_artifact_from_async_stream(asking, artifact_file_name, artifact_path)  # type: ignore[misc]

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        self._ask(artifact_path)
        super().delete_artifacts(artifact_path)  # type: ignore[misc]

    def create_multipart_upload(self, local_file: str, num_parts: int, artifact_path: str | None = None) -> Any:
        self._ask(_joined(artifact_path, local_file))
        return super().create_multipart_upload(local_file, num_parts, artifact_path)  # type: ignore[misc]

    def complete_multipart_upload(
        self, local_file: str, upload_id: str, parts: list[Any], artifact_path: str | None = None
    ) -> None:
        self._ask(_joined(artifact_path, local_file))
        super().complete_multipart_upload(local_file, upload_id, parts, artifact_path)  # type: ignore[misc]

    def abort_multipart_upload(self, local_file: str, upload_id: str, artifact_path: str | None = None) -> None:
        self._ask(_joined(artifact_path, local_file))
        super().abort_multipart_upload(local_file, upload_id, artifact_path)  # type: ignore[misc]

    def create_presigned_upload_url(self, artifact_path: str, expiration: int = 900) -> Any:
        self._ask(artifact_path)
        return super().create_presigned_upload_url(artifact_path, expiration)  # type: ignore[misc]

    def upload_trace_data(self, trace_data: str) -> None:
        self._ask(None)
        super().upload_trace_data(trace_data)  # type: ignore[misc]

    def upload_archived_trace_data(self, trace_data: Any) -> None:
        self._ask(None)
        super().upload_archived_trace_data(trace_data)  # type: ignore[misc]

    def upload_archived_trace_data_bytes(self, data: bytes) -> None:
        self._ask(None)
        super().upload_archived_trace_data_bytes(data)  # type: ignore[misc]

    def upload_attachment(self, attachment_id: str, content_bytes: bytes) -> None:
        self._ask(attachment_id)
        super().upload_attachment(attachment_id, content_bytes)  # type: ignore[misc]


class _AskingStream:
    """A stream that asks again once it is exhausted, which is just before a store publishes what it read."""

    def __init__(self, stream: BinaryIO, ask: Callable[[], None]) -> None:
        self._stream, self._ask = stream, ask

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(size)
        if not chunk or size < 0:
            self._ask()
        return chunk


async def _asking_chunks(chunks: AsyncIterable[bytes], ask: Callable[[], None]) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        yield chunk
    await asyncio.to_thread(ask)


def _joined(folder: str | None, file: str) -> str:
    return posixpath.join(folder or "", posixpath.basename(file.replace("\\", "/")))
