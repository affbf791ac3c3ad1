"""The demonstration: one version through the gate, by its public API, as the demo accounts of this machine.

Nothing here decides and nothing is remembered here. Each call asks the gate what already happened and does only what is
missing, so a demonstration that was killed anywhere goes on where it was, and one that is done asks for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from homologate.accounts import APPROVERS, AUTHOR, Accounts
from registry_promotion.client import GateClient, quoted

__all__ = ["Demonstration"]

WAY = ("Staging", "Production")
REASON = "a demonstration: make run shows the way through the gate"
COMMENT = "a demonstration: nobody read the reports"


class Demonstration:
    """One version's way through the gate.

    Args:
        uri: the gated server.
        accounts: the demo accounts of this machine.
        model: registered name.
        version: version number, as text.
        say: told each step.
    """

    def __init__(self, uri: str, accounts: Accounts, model: str, version: str, *, say: Callable[[str], None]) -> None:
        self._author = GateClient(uri, accounts.login(AUTHOR))
        self._approvers = {name: GateClient(uri, accounts.login(name)) for name in APPROVERS}
        self.model, self.version, self._say = model, version, say

    def run(self) -> dict[str, Any]:
        """Take the version to Staging, then to Production.

        Returns:
            `stage` it now stands in (or None), `reused` (whether it stood in Production before), `requests` (one a
            stage, with their decisions), and `refused`: the last of them where it did not pass, else None.

        Raises:
            HomologateError: what the gate or the connection to it says.
        """
        standing = self._standing()
        if standing == WAY[-1]:
            return self._facts(standing, [], reused=True)
        asked = []
        for stage in WAY[WAY.index(standing) + 1 :] if standing else WAY:
            answered = self._signed_off(stage)
            asked.append(answered)
            if not answered["decision"]["passes"]:
                return self._facts(standing, asked, refused=answered)
            self._author.post(f"requests/{answered['request']['id']}/promote")
            self._say(f"version {self.version} is in {stage}")
            standing = stage
        return self._facts(standing, asked)

    def _facts(
        self, stage: str | None, asked: list[Any], *, reused: bool = False, refused: Any = None
    ) -> dict[str, Any]:
        return {
            "model": self.model,
            "version": self.version,
            "stage": stage,
            "reused": reused,
            "requests": asked,
            "refused": refused,
        }

    def _standing(self) -> str | None:
        """The stage the ledger has the version in."""
        stages = self._author.get(f"models/{quoted(self.model)}/current")["stages"]
        found = [stage for stage, there in stages.items() if there and there["version"] == self.version]
        return str(found[0]) if found else None

    def _signed_off(self, stage: str) -> Any:
        """The request for a stage with every answer it needs, or the one that was said no to."""
        known = self._known(stage)
        if known and not known["request"]["open"]:
            return known
        answered = self._answered(known or self._ask(stage))
        decision = answered["decision"]
        if known and decision["evidence_passes"] and not decision["passes"]:
            # Its answers are too old to count, and nobody answers twice: ask anew.
            answered = self._answered(self._ask(stage))
        return answered

    def _known(self, stage: str) -> Any:
        """The last request for this stage if it still waits, or was said no to for a reason that still stands."""
        found = self._author.get("requests", model=self.model)["requests"]
        mine = [one for one in found if (one["version"], one["stage"]) == (self.version, stage)]
        last = mine[0] if mine else None
        if last is None or last["state"] not in ("open", "approved", "refused", "rejected"):
            return None
        if last["state"] == "refused" and self._judged_otherwise_today(last):
            return None
        if not last["open"]:
            self._say(f"request {last['id']} to {stage} was {last['state']} before; nothing has changed since")
        return self._author.get(f"requests/{last['id']}")

    def _judged_otherwise_today(self, request: Any) -> bool:
        """Whether the policy or the champion is another one now; the version's bytes and evidence are sealed."""
        policy = self._author.get("policies")["policies"].get(request["stage"], {})
        champion = self._author.get(f"models/{quoted(self.model)}/current")["stages"]["Production"]
        now = (policy.get("digest"), champion["digest"] if champion else None)
        return bool(now != (request["policy_digest"], request["champion_digest"]))

    def _ask(self, stage: str) -> Any:
        asked = self._author.post("requests", model=self.model, version=self.version, stage=stage, reason=REASON)
        self._say(f"{AUTHOR} asked for {stage}: {asked['decision']['verdict']}")
        return asked

    def _answered(self, asked: Any) -> Any:
        """The request after the approvers that had not answered it did, as far as their answers are needed."""
        request, decision = asked["request"], asked["decision"]
        said = {one["by"] for one in request["approvals"]}
        for name, approver in self._approvers.items():
            if not decision["evidence_passes"] or decision["passes"]:
                break
            if name not in said:
                approver.post(f"requests/{request['id']}/approve", comment=COMMENT)
                self._say(f"{name} approved request {request['id']}")
                asked = self._author.get(f"requests/{request['id']}")
                decision = asked["decision"]
        return asked
