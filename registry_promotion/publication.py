"""The head of the ledger, published where whoever can write the database cannot: a git tag, a file, a webhook.

A published head is what a hash chain cannot be without: only it shows that rows were cut off or all of it rewritten. A
tag counts once it is pushed, a file once it lies on another machine.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homologate.attest.statements import timestamp
from homologate.errors import ServiceError, StorageError, UsageError
from registry_promotion.verifier import heads_in

if TYPE_CHECKING:
    from homologate.settings import NotifySettings

__all__ = ["append_head", "heads_of_tags", "line_of_head", "post_head", "tag_head"]

TAG = "homologate-ledger-"


def line_of_head(head: Mapping[str, Any]) -> str:
    """One line to publish: `{"at": …, "head": hash, "rows": number}`.

    Args:
        head: `{"head": hash, "rows": number}`, as the gate names it.
    """
    return json.dumps({"at": timestamp(datetime.now(UTC)), "head": head["head"], "rows": head["rows"]})


def append_head(head: Mapping[str, Any], file: str) -> None:
    """Add the head to a file, one line a head.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        with open(file, "a", encoding="ascii") as lines:
            lines.write(line_of_head(head) + "\n")
    except OSError as error:
        raise StorageError(f"cannot write the head: {error.strerror}", place=file) from error


def tag_head(head: Mapping[str, Any], folder: Path) -> str:
    """Make an annotated git tag of the head; the one there is, where it was published already. Its name.

    Raises:
        StorageError: there is no repository, or git will not tag.
    """
    name = f"{TAG}{int(head['rows']):08d}-{head['head'][:12]}"
    if name not in _git(folder, "tag", "--list", name).split():
        _git(folder, "tag", "--annotate", name, "--message", line_of_head(head))
    return name


def heads_of_tags(folder: Path) -> list[str]:
    """Every head that was published as a tag of the repository.

    Raises:
        StorageError: there is no repository, or no such tag.
    """
    found = heads_in(_git(folder, "for-each-ref", f"refs/tags/{TAG}*", "--format=%(contents:subject)"))
    if not found:
        raise StorageError(
            "no head was published as a tag of this repository",
            place=str(folder.resolve()),
            next_command="git fetch --tags, or homologate audit publish --tag",
        )
    return found


def post_head(head: Mapping[str, Any], settings: NotifySettings) -> None:
    """Post the head to the webhook that is told of every step, as the event `ledger_head`.

    Raises:
        UsageError: the settings name no webhook, or its variables are not set.
        ServiceError: the webhook did not take it.
    """
    from registry_promotion.channels import SendError, Webhook

    if settings.webhook is None:
        raise UsageError("no webhook is named", place="homologate.yaml, field promotion.notify.webhook", legal="{}")
    told = f"The ledger has {head['rows']} rows and the head {head['head']}"
    facts = {"event": "ledger_head", "text": told, **json.loads(line_of_head(head))}
    try:
        Webhook(settings.webhook).post(f"head-{head['rows']}-{head['head'][:16]}", "ledger_head", facts)
    except SendError as error:
        raise ServiceError(f"the head was not published: {error.problem}", place="the webhook") from error


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", "-C", folder, *words], capture_output=True, text=True, check=False)  # noqa: S603, S607
    except OSError as error:
        raise StorageError(f"git cannot be run: {error.strerror}", place="git") from error
    if done.returncode:
        raise StorageError(f"git {words[0]}: {done.stderr.strip()}", place=str(folder.resolve()))
    return done.stdout
