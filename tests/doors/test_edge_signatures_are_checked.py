"""A device checks signatures without a cryptography package, and agrees with one on all that is good or bad."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from homologate.attest import SigningKey

FILE = Path(__file__).resolve().parents[2] / "serve" / "edge" / "runtime" / "_signature.py"
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture(scope="module")
def checker() -> ModuleType:
    """The file as it travels: loaded alone."""
    source = importlib.util.spec_from_file_location("edge_signature", FILE)
    assert source is not None
    assert source.loader is not None
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def private() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def pem_of(key: ec.EllipticCurvePrivateKey) -> str:
    encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(encoding, form).decode()


@settings(max_examples=25, deadline=None)
@given(data=st.binary(max_size=200), where=st.integers(min_value=0), secret=st.integers(1, N - 1))
def test_what_was_signed_is_accepted_and_one_bit_more_is_not(
    checker: ModuleType, data: bytes, where: int, secret: int
) -> None:
    key = ec.derive_private_key(secret, ec.SECP256R1())
    signature, pem = key.sign(data, ec.ECDSA(hashes.SHA256())), pem_of(key)
    assert checker.verifies(pem, signature, data)
    assert not checker.verifies(pem, signature, data + b"\0")
    bit = where % (len(signature) * 8)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not checker.verifies(pem, bytes(flipped), data)


def test_numbers_out_of_range_and_other_spellings_are_refused(
    checker: ModuleType, private: ec.EllipticCurvePrivateKey
) -> None:
    pem, data = pem_of(private), b"data"
    good = private.sign(data, ec.ECDSA(hashes.SHA256()))
    r, s = decode_dss_signature(good)
    assert checker.verifies(pem, good, data)
    for wrong in ((0, s), (r, 0), (0, 0), (r + N, s), (r, s + N), (N, s), (r, N), (1, 1)):
        assert not checker.verifies(pem, encode_dss_signature(*wrong), data)
    long_form = bytes([0x30, 0x81, good[1]]) + good[2:]
    for wrong in (b"", good + b"\0", good[:-1], long_form, b"\x30\x00", good[:2] + b"\x02\x00" + good[4:]):
        assert not checker.verifies(pem, wrong, data)


def test_only_points_of_the_curve_are_keys(checker: ModuleType, private: ec.EllipticCurvePrivateKey) -> None:
    other = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(ValueError, match="P-256"):
        checker.verifies(pem_of(other), b"", b"")
    with pytest.raises(ValueError, match="PEM"):
        checker.verifies("not a key", b"", b"")
    lines = pem_of(private).splitlines()
    spoiled = [lines[0], lines[1], "AAAA" + lines[2][4:], *lines[3:]]
    with pytest.raises(ValueError, match="no point of the curve"):
        checker.verifies("\n".join(spoiled), b"", b"")


def test_keys_have_the_same_id_everywhere(checker: ModuleType, key: SigningKey) -> None:
    assert checker.key_id_of(key.public.pem) == key.key_id
