"""DSSE envelopes: bytes, their type, and a signature over both.

The method is DSSE 1.0 (Dead Simple Signing Envelope): the signature covers the pre-authentication encoding
`DSSEv1 <len(type)> <type> <len(body)> <body>`, so a body signed as one type is never read as another.

This reader is stricter than the standard on purpose. An envelope file must be the canonical JSON (RFC 8785) of its
content with exactly one signature, so that there is one spelling of it and any byte changed in it is found; a second
spelling would let a file change without its statement changing.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from homologate.attest.keys import PublicKey, Signer
from homologate.errors import DataError, RefusedError

__all__ = ["PAYLOAD_TYPE", "SignedBytes", "canonical", "open_envelope", "read_envelope", "seal", "strict_json"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"


@dataclass(frozen=True)
class SignedBytes:
    """What an envelope holds, before anyone asked whether its signature is good.

    Attributes:
        payload: the bytes that were signed.
        key_id: who claims to have signed them.
        signature: the ECDSA signature, DER.
    """

    payload: bytes
    key_id: str
    signature: bytes

    def check(self, trusted: Mapping[str, PublicKey]) -> None:
        """Return if a trusted key signed these bytes.

        Raises:
            RefusedError: no trusted key has this id, or its signature does not fit these bytes.
        """
        key = trusted.get(self.key_id)
        if key is None:
            raise RefusedError(
                f"signed by the key {self.key_id!r}, which is not trusted",
                legal=f"trusted keys: {', '.join(trusted) or 'none'}",
                next_command="put the signer's public key into the folder of trusted keys, if you do trust it",
            )
        if not key.verifies(self.signature, _encoding(self.payload)):
            raise RefusedError(
                f"the signature of key {self.key_id} does not fit the bytes: they were changed after signing",
                next_command="make the report again; it cannot be repaired",
            )


def seal(payload: bytes, key: Signer) -> dict[str, Any]:
    """Sign `payload` and return its envelope (write it with `canonical`)."""
    return {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key.key_id, "sig": base64.b64encode(key.sign(_encoding(payload))).decode()}],
    }


def open_envelope(envelope: Mapping[str, Any] | bytes | str, trusted: Mapping[str, PublicKey]) -> bytes:
    """The payload of an envelope that a trusted key signed.

    Raises:
        DataError: it is not an envelope (see `read_envelope`).
        RefusedError: it is not signed by a trusted key (see `SignedBytes.check`).
    """
    signed = read_envelope(envelope)
    signed.check(trusted)
    return signed.payload


def read_envelope(envelope: Mapping[str, Any] | bytes | str) -> SignedBytes:
    """The parts of an envelope, unchecked: ask `SignedBytes.check` before believing them.

    Args:
        envelope: the parsed object, or the bytes of its file, which must be canonical.

    Raises:
        DataError: truncated or not JSON, not canonical, of another payload type, or not exactly one signature.
    """
    if isinstance(envelope, str):
        envelope = envelope.encode()
    found = strict_json(envelope, "envelope") if isinstance(envelope, bytes) else envelope
    try:
        if set(found) != {"payloadType", "payload", "signatures"}:
            raise KeyError("its fields are not payload, payloadType, signatures")
        (signature,) = found["signatures"]
        if set(signature) != {"keyid", "sig"} or not isinstance(signature["keyid"], str):
            raise KeyError("a signature's fields are not keyid, sig")
        payload, sig = _decoded(found["payload"]), _decoded(signature["sig"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"not a DSSE envelope with one signature: {error}", legal="payloadType, payload, signatures: [keyid, sig]"
        ) from error
    if found["payloadType"] != PAYLOAD_TYPE:
        raise DataError(f"payloadType is {found['payloadType']!r}", place="envelope", legal=PAYLOAD_TYPE)
    if isinstance(envelope, bytes) and canonical(found) != envelope:
        raise DataError("the envelope is not written as canonical JSON (RFC 8785), so bytes of it were changed")
    return SignedBytes(payload, signature["keyid"], sig)


def canonical(value: object) -> bytes:
    """`value` as canonical JSON (RFC 8785): one spelling for one value.

    Raises:
        DataError: it holds NaN, infinity, an integer beyond 2^53, or something JSON has no word for.
    """
    import rfc8785

    try:
        return rfc8785.dumps(value)  # type: ignore[arg-type]
    except rfc8785.CanonicalizationError as error:
        raise DataError(f"cannot be written as JSON: {error}") from error


def strict_json(data: bytes, what: str) -> Any:
    """Parse JSON, refusing what two readers could read differently.

    Raises:
        DataError: truncated or not JSON, not UTF-8, a key given twice, or NaN and the like.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON, or cut short: {error}", place=what, next_command="fetch the file again") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} is given twice")
    return found


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _decoded(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"not base64: {error}") from error
    if base64.b64encode(data).decode() != text:
        raise ValueError("not canonical base64")
    return data


def _encoding(payload: bytes) -> bytes:
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
