"""Check ECDSA signatures over P-256 with the standard library: a device has no cryptography package.

The method is FIPS 186-5, section 6.4.2, on the curve of SP 800-186, section 3.2.1.3. Only public values are handled
here, so nothing can leak by how long it takes. tests/doors/test_edge_signatures_are_checked.py holds it to what
`cryptography` signs and refuses.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

__all__ = ["key_id_of", "verifies"]

P = 0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
"""How the SubjectPublicKeyInfo of an uncompressed P-256 key begins."""

Point = tuple[int, int, int]
"""Jacobian: x = X / Z², y = Y / Z³; Z = 0 is the point at infinity."""
INFINITY: Point = (1, 1, 0)


def key_id_of(pem: str) -> str:
    """SHA-256 of the public key's SubjectPublicKeyInfo, in hex.

    Raises:
        ValueError: not a P-256 public key in PEM.
    """
    return hashlib.sha256(_spki(pem)).hexdigest()


def verifies(pem: str, signature: bytes, data: bytes) -> bool:
    """Whether `signature` (DER) is that of the key in `pem` over `data`, hashed with SHA-256.

    Raises:
        ValueError: not a P-256 public key in PEM.
    """
    point = _spki(pem)[len(SPKI) :]
    x, y = int.from_bytes(point[:32], "big"), int.from_bytes(point[32:], "big")
    if x >= P or y >= P or (y * y - (x * x * x - 3 * x + B)) % P:
        raise ValueError("the public key is no point of the curve")
    numbers = _numbers(signature)
    if numbers is None or not all(0 < number < N for number in numbers):
        return False
    r, s = numbers
    inverse = pow(s, -1, N)
    digest = int.from_bytes(hashlib.sha256(data).digest(), "big")
    found = _sum_of_products(digest * inverse % N, (*G, 1), r * inverse % N, (x, y, 1))
    if found[2] == 0:
        return False
    return bool(found[0] * pow(found[2], -2, P) % P % N == r)


def _spki(pem: str) -> bytes:
    lines = [line.strip() for line in pem.strip().splitlines()]
    if len(lines) < 3 or lines[0] != "-----BEGIN PUBLIC KEY-----" or lines[-1] != "-----END PUBLIC KEY-----":
        raise ValueError("not a public key in PEM")
    try:
        der = base64.b64decode("".join(lines[1:-1]), validate=True)
    except binascii.Error as error:
        raise ValueError("not a public key in PEM") from error
    if len(der) != len(SPKI) + 64 or not der.startswith(SPKI):
        raise ValueError("not an EC P-256 public key")
    return der


def _numbers(signature: bytes) -> tuple[int, int] | None:
    """The two numbers of a DER signature; None where it is not the one DER spelling of two positive numbers."""
    if len(signature) < 8 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return None
    found, rest = [], signature[2:]
    for _ in range(2):
        if len(rest) < 3 or rest[0] != 2 or not 0 < rest[1] <= len(rest) - 2:
            return None
        body, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        if body[0] & 0x80 or (len(body) > 1 and body[0] == 0 and not body[1] & 0x80):
            return None
        found.append(int.from_bytes(body, "big"))
    return None if rest else (found[0], found[1])


def _sum_of_products(a: int, first: Point, b: int, second: Point) -> Point:
    """`a · first + b · second`, bit by bit from the highest."""
    table = {(1, 0): first, (0, 1): second, (1, 1): _add(first, second)}
    total = INFINITY
    for place in range(max(a.bit_length(), b.bit_length()) - 1, -1, -1):
        total = _double(total)
        bits = (a >> place & 1, b >> place & 1)
        if bits in table:
            total = _add(total, table[bits])
    return total


def _double(point: Point) -> Point:
    x, y, z = point
    if z == 0 or y == 0:
        return INFINITY
    square = y * y
    s = 4 * x * square
    m = 3 * (x - z * z) * (x + z * z)
    found = (m * m - 2 * s) % P
    return found, (m * (s - found) - 8 * square * square) % P, 2 * y * z % P


def _add(one: Point, other: Point) -> Point:
    if one[2] == 0 or other[2] == 0:
        return other if one[2] == 0 else one
    one_z, other_z = one[2] ** 2 % P, other[2] ** 2 % P
    u, v = one[0] * other_z % P, other[0] * one_z % P
    s, t = one[1] * other_z * other[2] % P, other[1] * one_z * one[2] % P
    h, r = (v - u) % P, (t - s) % P
    if h == 0:
        return INFINITY if r else _double(one)
    square = h * h % P
    cube, v = h * square % P, u * square % P
    x = (r * r - cube - 2 * v) % P
    return x, (r * (v - x) - s * cube) % P, h * one[2] * other[2] % P
