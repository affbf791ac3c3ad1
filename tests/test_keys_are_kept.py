"""A signing key is made once, readable by its owner only, never shown; a key that is not one is refused clearly."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from homologate.attest import load_signing_key, load_trusted_keys, make_signing_key, trust
from homologate.attest.keys import SIGNING_KEY_VARIABLE, TRUSTED_KEYS_VARIABLE
from homologate.errors import UsageError


def pem_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_a_key_is_made_once_private_and_trusted(tmp_path: Path) -> None:
    made = make_signing_key(tmp_path)
    file = tmp_path / "keys" / "signing.pem"
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert make_signing_key(tmp_path).key_id == made.key_id == load_signing_key(tmp_path).key_id
    assert list(load_trusted_keys(tmp_path)) == [made.key_id]
    assert list(file.parent.glob(".*")) == []


def test_the_key_id_is_the_sha256_of_the_public_keys_spki(tmp_path: Path) -> None:
    key = make_signing_key(tmp_path)
    public = serialization.load_pem_public_key(key.public.pem.encode())
    spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert key.key_id == hashlib.sha256(spki).hexdigest()


def test_a_private_key_shows_its_id_only_and_is_never_pickled(tmp_path: Path) -> None:
    key = make_signing_key(tmp_path)
    assert repr(key) == f"SigningKey({key.key_id[:12]}…)"
    with pytest.raises(TypeError, match="never pickled"):
        pickle.dumps(key)


def test_the_key_of_a_pipeline_comes_from_a_variable_as_text_or_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_signing_key(tmp_path / "elsewhere")
    file = tmp_path / "elsewhere" / "keys" / "signing.pem"
    for value in (str(file), file.read_text()):
        monkeypatch.setenv(SIGNING_KEY_VARIABLE, value)
        assert load_signing_key(tmp_path / "home").key_id == key.key_id


def test_a_missing_key_says_where_it_should_be_and_how_to_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"no signing key(.|\n)*signing\.pem(.|\n)*next:  make setup"):
        load_signing_key(tmp_path)
    monkeypatch.setenv(SIGNING_KEY_VARIABLE, str(tmp_path / "absent.pem"))
    with pytest.raises(UsageError, match=r"absent\.pem \(from \$HOMOLOGATE_SIGNING_KEY\)"):
        load_signing_key(tmp_path)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_others_may_read_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int) -> None:
    make_signing_key(tmp_path)
    file = tmp_path / "keys" / "signing.pem"
    file.chmod(mode)
    with pytest.raises(UsageError, match=rf"mode {mode:04o}(.|\n)*next:  chmod 600 "):
        load_signing_key(tmp_path)


@pytest.mark.parametrize("kind", ["rsa", "p384", "garbage", "encrypted", "empty"])
def test_another_kind_of_key_is_refused_without_quoting_it(tmp_path: Path, kind: str) -> None:
    make_signing_key(tmp_path)
    file = tmp_path / "keys" / "signing.pem"
    content = {
        "rsa": lambda: pem_of(rsa.generate_private_key(65537, 2048)),
        "p384": lambda: pem_of(ec.generate_private_key(ec.SECP384R1())),
        "garbage": lambda: b"-----BEGIN %b KEY-----\nc2VjcmV0\n-----END %b KEY-----\n" % (b"PRIVATE", b"PRIVATE"),
        "encrypted": lambda: ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
        ),
        "empty": lambda: b"",
    }[kind]()
    file.write_bytes(content)
    with pytest.raises(UsageError, match=r"the private key (.|\n)*legal: an EC P-256 private key in PEM") as caught:
        load_signing_key(tmp_path)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_trusted_key_that_is_not_one_stops_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = make_signing_key(tmp_path)
    folder = tmp_path / "others"
    trust(key.public, folder)
    assert list(load_trusted_keys(tmp_path / "home", folder)) == [key.key_id]
    (folder / "odd.pem").write_text("not a key")
    with pytest.raises(UsageError, match=r"the public key cannot be read(.|\n)*odd\.pem"):
        load_trusted_keys(tmp_path / "home", folder)
    monkeypatch.setenv(TRUSTED_KEYS_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"no folder of trusted keys '.*nowhere'"):
        load_trusted_keys(tmp_path)


def test_no_folder_of_trusted_keys_means_nobody_is_trusted(tmp_path: Path) -> None:
    assert load_trusted_keys(tmp_path) == {}
