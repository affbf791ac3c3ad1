"""The headers that every response carries."""

from __future__ import annotations

__all__ = ["security_headers"]

NOTHING = "default-src 'none'; frame-ancestors 'none'"


def security_headers(*, tls: bool, policy: str = NOTHING, referrer: str = "no-referrer") -> list[tuple[bytes, bytes]]:
    """Headers for every response: not sniffed, not framed, not referred to, not stored.

    Args:
        tls: whether people reach this process by https alone.
        policy: the content security policy; the default lets a page load nothing.
        referrer: the referrer policy; forms need `same-origin`, or browsers hide from us where they were sent from.
    """
    always = [
        (b"x-content-type-options", b"nosniff"),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", referrer.encode()),
        (b"content-security-policy", policy.encode()),
        (b"cache-control", b"no-store"),
    ]
    return [*always, *([(b"strict-transport-security", b"max-age=31536000")] if tls else [])]
