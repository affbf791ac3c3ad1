"""From an approved version to an Azure ML endpoint: what may be deployed, and the plan that the child carries out."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homologate.errors import UsageError
from homologate.versions import ModelVersion, approval_of, obtain, open_registry, parse_reference
from serve.deploy._carry_out import carry_out
from serve.deploy._code import scoring_code

__all__ = ["KINDS", "Target", "check", "deploy", "look", "roll_back"]

KINDS = {
    "online": "online/score.py",
    "kubernetes": "online/score.py",
    "batch": "batch/batch_driver.py",
}
"""The scoring script of each kind of endpoint, among the definitions."""
LOCK = Path("requirements/azure-online.txt")


@dataclass(frozen=True)
class Target:
    """Where to deploy.

    Attributes:
        subscription: id.
        resource_group: name.
        workspace: name.
        endpoint: name of the endpoint.
        kind: `online` (managed), `kubernetes` or `batch`.
        definitions: the folder `azure`: a folder a kind with `endpoint.yml` and `deployment.yml`, and the scripts.
    """

    subscription: str
    resource_group: str
    workspace: str
    endpoint: str
    kind: str = "online"
    definitions: Path = Path("azure")

    @property
    def script(self) -> Path:
        """What Azure runs."""
        return self.definitions / KINDS[self.kind]


def deploy(
    target: Target,
    reference: str,
    tracking_uri: str,
    home: Path,
    *,
    stage: str,
    mirror: int,
    shares: tuple[int, ...],
    settle: float,
    patience: float,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Deploy what the ledger has in `stage`, blue or green; the other colour stays for the way back.

    Args:
        target: where to.
        reference: the registered version (`models:/<name>/Production`).
        tracking_uri: the gated server that is asked.
        home: folder of the cache of model directories.
        stage: the stage the ledger must have the version in.
        mirror: percentage of the live traffic copied to the new colour first; 0 leaves that out.
        shares: percentages the new colour is given in turn, the last 100; empty leaves it in the shadow.
        settle: seconds at each share before the probe is asked again.
        patience: seconds a deployment may take to be made.
        say: told what happens.

    Returns:
        `endpoint`, `scoring_uri`, `deployment` (the colour), `traffic`, `version`, `digest`, and `before` (the colour
        that answered until now) or `reused` (true where these bytes answered already).

    Raises:
        RefusedError: the ledger does not have these bytes in the stage, or the endpoint answers the golden probe
            otherwise than they do; the traffic is where it was.
        ServiceError: Azure did not make what was asked; what was half made is gone.
        TrackingError: nobody is logged in, a role is missing, or the registry does not answer.
    """
    registry = open_registry(tracking_uri)
    version = registry.resolve(parse_reference(reference))
    approval = approval_of(version, registry, stage)
    say(f"{version}: in {stage} since {approval.since} by {approval.by}, request {approval.request or 'none'}")
    directory = obtain(version, registry, home)
    with tempfile.TemporaryDirectory() as scratch:
        plan = {
            **_where(target),
            "action": "deploy",
            "version": version.number,
            "digest": approval.digest,
            "model": _model(version, approval.digest, directory),
            "code": str(scoring_code(Path(scratch) / "code", target.script)),
            "script": target.script.name,
            "requirements": _pins(),
            "environment_version": _lock_digest(),
            "variables": {"HOMOLOGATE_DIGEST": approval.digest, "HOMOLOGATE_VERSION": version.number},
            "probe": _probe(directory),
            "mirror": mirror,
            "shares": list(shares),
            "settle": settle,
            "patience": patience,
        }
        return carry_out(plan, say)


def roll_back(target: Target, probe_of: Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Give all traffic back to the colour that answered before (see `deploy` for what comes back and is raised)."""
    texts = _probe(probe_of) if probe_of else {"texts": ["The rear brake hose burst."], "answers": []}
    return carry_out({**_where(target), "action": "rollback", "probe": texts}, say)


def check(
    target: Target, reference: str, tracking_uri: str, home: Path, *, stage: str, say: Callable[[str], None]
) -> dict[str, Any]:
    """Whether what the ledger has in `stage`, and nothing else, answers callers; `deploy` says the arguments.

    Raises:
        RefusedError: another version answers, or it answers the golden probe otherwise than the judged bytes do.
        ServiceError, TrackingError: as `deploy`.
    """
    registry = open_registry(tracking_uri)
    version = registry.resolve(parse_reference(reference))
    approval = approval_of(version, registry, stage)
    probe = _probe(obtain(version, registry, home))
    plan = {"action": "check", "version": version.number, "digest": approval.digest, "probe": probe}
    return carry_out({**_where(target), **plan}, say)


def look(target: Target, say: Callable[[str], None]) -> dict[str, Any]:
    """What answers behind the endpoint now."""
    return carry_out({**_where(target), "action": "show"}, say)


def _where(target: Target) -> dict[str, Any]:
    if not target.script.is_file():
        raise UsageError(
            f"no scoring script {str(target.script)!r}",
            place="--definitions",
            legal="the folder azure/ of the project",
            next_command="run the command from the root of the project",
        )
    return {
        "subscription": target.subscription,
        "resource_group": target.resource_group,
        "workspace": target.workspace,
        "endpoint": target.endpoint,
        "kind": target.kind,
        "definitions": str(target.definitions.resolve()),
        # Both answer only where Azure has put them; asking elsewhere costs a minute of silence.
        "managed_identity": bool({"IDENTITY_ENDPOINT", "MSI_ENDPOINT"} & os.environ.keys()),
        "workload_identity": "AZURE_FEDERATED_TOKEN_FILE" in os.environ,
    }


def _model(version: ModelVersion, digest: str, directory: Path) -> dict[str, str]:
    """In Azure ML's own registry the version is there; from any other registry its bytes go along, named by digest."""
    if version.source.startswith("azureml:"):
        return {"name": version.name, "version": version.number}
    return {"name": version.name, "version": digest.removeprefix("sha256:")[:16], "path": str(directory)}


def _probe(directory: Path) -> dict[str, Any]:
    from homologate.model_directory import example
    from homologate.scoring import open_scorer

    texts = example(directory)
    answers = open_scorer(directory).answers(texts)
    return {"texts": texts, "answers": [{"label": one.label, "probability": one.probability} for one in answers]}


def _pins() -> list[str]:
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return [line.split(" ")[0].rstrip("\\") for line in lines if "==" in line and not line.startswith((" ", "#"))]


def _lock_digest() -> str:
    from homologate.attest import sha256_of

    return sha256_of(LOCK.read_bytes()).removeprefix("sha256:")[:16]
