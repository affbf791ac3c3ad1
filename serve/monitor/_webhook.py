"""Tell a scheduler or a chat room, by one POST of JSON that holds no text."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

from homologate.errors import ServiceError
from serve.monitor._finding import Finding

__all__ = ["SECRET_VARIABLE", "notify"]

SECRET_VARIABLE = "HOMOLOGATE_WEBHOOK_SECRET"  # noqa: S105  # pragma: allowlist secret
"""Where it is set, the header `X-Homologate-Signature: sha256=<HMAC of the body>` proves who sent it."""
TIMES = 3
PATIENCE_SECONDS = 10.0


def notify(url: str, finding: Finding, report: str) -> None:
    """POST the finding: verdict, signals and families, and where the report is. Words and texts stay in the report.

    The header `Idempotency-Key` is the same for the same window and records, so a receiver can drop a repetition.

    Args:
        url: checked by the settings: https, or http on loopback.
        finding: stored, so that its run can be named.
        report: address of the HTML report.

    Raises:
        ServiceError: nobody took it, three times.
    """
    body = json.dumps(_told(finding, report)).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "homologate-monitor",
        "Idempotency-Key": f"{finding.model}/{finding.version}/{finding.start.isoformat()}/{finding.fingerprint}",
    }
    if secret := os.environ.get(SECRET_VARIABLE):
        headers["X-Homologate-Signature"] = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    for attempt in range(TIMES):
        try:
            request = urllib.request.Request(url, body, headers)  # noqa: S310 (https or loopback by the settings)
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310
                answer.read(1024)
            return
        except OSError as error:  # URLError, HTTPError and time-outs are OSErrors
            reason = f"{error.code} {error.reason}" if isinstance(error, urllib.error.HTTPError) else str(error)
        if attempt < TIMES - 1:
            time.sleep(2**attempt)
    raise ServiceError(
        f"the webhook did not take the finding in {TIMES} attempts: {reason}",
        place="settings, monitoring.webhook",
        next_command="homologate monitor  # tells again what nobody took",
    )


def _told(finding: Finding, report: str) -> dict[str, Any]:
    return {
        "event": "homologate.monitor",
        "verdict": finding.verdict,
        "model": finding.model,
        "version": finding.version,
        "digest": finding.digest,
        "window": {"start": finding.start.isoformat(), "end": finding.end.isoformat()},
        "records": finding.records,
        "signals": [
            {"name": s.name, "verdict": s.verdict, "value": s.value, "limit": s.limit, "p": s.p}
            for s in finding.signals
        ],
        "families": list(finding.cause.families),
        "since": finding.cause.since.isoformat() if finding.cause.since else None,
        "notes": [what for what, _ in finding.notes],
        "run_id": finding.run_id,
        "report": report,
    }
