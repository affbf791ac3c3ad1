"""The keys statements are signed and checked with: EC P-256, made at set-up, private half readable by its owner only.

    <home>/keys/signing.pem             the private key, mode 0600, never logged and never put in an artifact
    <home>/keys/trusted/<key id>.pem    one file per public key whose statements are believed

The key id is the SHA-256 of the public key's SubjectPublicKeyInfo, in hex. `HOMOLOGATE_SIGNING_KEY` names another
private key (a path, or the PEM text itself, as a pipeline's secret variable holds it); `HOMOLOGATE_TRUSTED_KEYS` names
another folder of public keys. Anything with `key_id` and `sign` may stand in for the file: a key vault, for one.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from homologate.errors import StorageError, UsageError

__all__ = [
    "SIGNING_KEY_VARIABLE",
    "TRUSTED_KEYS_VARIABLE",
    "PublicKey",
    "Signer",
    "SigningKey",
    "load_signing_key",
    "load_trusted_keys",
    "make_signing_key",
    "trust",
    "trusted_folder",
]

SIGNING_KEY_VARIABLE = "HOMOLOGATE_SIGNING_KEY"
TRUSTED_KEYS_VARIABLE = "HOMOLOGATE_TRUSTED_KEYS"

MAKE_A_KEY = "make setup  # makes <home>/keys/signing.pem and trusts it"


class Signer(Protocol):
    """Whoever can sign: the file of this module, or a key vault."""

    @property
    def key_id(self) -> str:
        """SHA-256 of the public key's SubjectPublicKeyInfo, in hex."""
        ...

    def sign(self, data: bytes) -> bytes:
        """An ECDSA signature with SHA-256 over `data`, DER-encoded."""
        ...


class PublicKey:
    """A public key that checks signatures.

    Attributes:
        key_id: SHA-256 of the SubjectPublicKeyInfo, in hex.
        pem: the key as PEM text.
    """

    def __init__(self, key: ec.EllipticCurvePublicKey) -> None:
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self._key = key
        self.key_id = hashlib.sha256(spki).hexdigest()
        self.pem = key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is this key's over `data`."""
        try:
            self._key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True

    def __repr__(self) -> str:
        return f"PublicKey({self.key_id[:12]}…)"


class SigningKey:
    """A private key in memory. Its representation shows the key id only.

    Attributes:
        public: the half that may be shown.
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @property
    def key_id(self) -> str:
        """SHA-256 of the public key's SubjectPublicKeyInfo, in hex."""
        return self.public.key_id

    def sign(self, data: bytes) -> bytes:
        """An ECDSA signature with SHA-256 over `data`, DER-encoded."""
        return self._key.sign(data, ec.ECDSA(hashes.SHA256()))

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id[:12]}…)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a private key is never pickled")


def make_signing_key(home: str | os.PathLike[str]) -> SigningKey:
    """Make the key under `home` and trust it; where there is one already, load that.

    Raises:
        UsageError: the key that is there is not one (see `load_signing_key`).
        StorageError: the folder cannot be written.
    """
    path = _key_file(home)
    if not path.exists():
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with contextlib.suppress(FileExistsError):  # another process made it first: then that one is the key
                _create(path, pem)
        except OSError as error:
            raise StorageError(f"cannot write the signing key: {error.strerror}", place=str(path)) from error
    made = _read_private(path, place=str(path))
    trust(made.public, trusted_folder(home))
    return made


def load_signing_key(home: str | os.PathLike[str]) -> SigningKey:
    """The private key `HOMOLOGATE_SIGNING_KEY` holds or names, else the one under `home`.

    Raises:
        UsageError: it is missing, readable by others, not PEM, or not an unencrypted EC P-256 key.
    """
    named = os.environ.get(SIGNING_KEY_VARIABLE)
    if named and named.lstrip().startswith("-----BEGIN"):
        return _private(named.encode(), place=f"${SIGNING_KEY_VARIABLE}")
    path = Path(named) if named else _key_file(home)
    return _read_private(path, place=f"{path} (from ${SIGNING_KEY_VARIABLE})" if named else str(path))


def load_trusted_keys(
    home: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None
) -> dict[str, PublicKey]:
    """The public keys whose statements are believed: `{key id: key}`; empty where the folder is empty or missing.

    Args:
        home: the project's home; its `keys/trusted` is read unless another folder is named.
        folder: the folder to read; default is what `HOMOLOGATE_TRUSTED_KEYS` names.

    Raises:
        UsageError: a `.pem` file in the folder is not an EC P-256 public key, or a folder that was named is missing.
    """
    named = folder or os.environ.get(TRUSTED_KEYS_VARIABLE)
    place = Path(named) if named else trusted_folder(home)
    if named and not place.is_dir():
        raise UsageError(f"no folder of trusted keys {str(place)!r}", legal="a folder of EC P-256 public keys in PEM")
    keys = (_public(path.read_bytes(), place=str(path)) for path in sorted(place.glob("*.pem")))
    return {key.key_id: key for key in keys}


def trust(key: PublicKey, folder: str | os.PathLike[str]) -> Path:
    """Put a public key into a folder of trusted keys and return its file."""
    path = Path(folder) / f"{key.key_id}.pem"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(key.pem, encoding="ascii")
    except OSError as error:
        raise StorageError(f"cannot write the public key: {error.strerror}", place=str(path)) from error
    return path


def trusted_folder(home: str | os.PathLike[str]) -> Path:
    """Where the trusted public keys of a project are."""
    return Path(home) / "keys" / "trusted"


def _key_file(home: str | os.PathLike[str]) -> Path:
    return Path(home) / "keys" / "signing.pem"


def _create(path: Path, pem: bytes) -> None:
    """Write a new private file whole or not at all, never over an old one, never with wider rights for an instant."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(pem)
            stream.flush()
            os.fsync(stream.fileno())
        os.link(draft, path)
    finally:
        draft.unlink()


def _read_private(path: Path, *, place: str) -> SigningKey:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        pem = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"no signing key: {error.strerror}",
            place=place,
            legal=f"an EC P-256 private key in PEM at this path, or in ${SIGNING_KEY_VARIABLE}",
            next_command=MAKE_A_KEY,
        ) from error
    if mode & 0o077:
        raise UsageError(
            f"the private key may be read by others (mode {mode:04o})",
            place=place,
            legal="mode 0600",
            next_command=f"chmod 600 {path}",
        )
    return _private(pem, place=place)


def _private(pem: bytes, *, place: str) -> SigningKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The library's message may quote the input; a private key never reaches a message.
        raise _not_a_key("private", "cannot be read as an unencrypted PEM key", place) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _not_a_key("private", "is of another kind", place)
    return SigningKey(key)


def _public(pem: bytes, *, place: str) -> PublicKey:
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _not_a_key("public", "cannot be read as a PEM key", place) from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _not_a_key("public", "is of another kind", place)
    return PublicKey(key)


def _not_a_key(half: str, why: str, place: str) -> UsageError:
    return UsageError(
        f"the {half} key {why}", place=place, legal=f"an EC P-256 {half} key in PEM", next_command=MAKE_A_KEY
    )
