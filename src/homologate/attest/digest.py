"""The digest of a model directory: the OpenSSF model-signing manifest digest, computed and never believed.

The method is that of `model-signing` 1.x with file serialisation and SHA-256: hash every file, sort the files by the
parts of their relative path, hash the concatenated raw digests. tests/test_a_digest_names_the_bytes.py holds it equal
to what the library signs. It is written out here because importing the library costs a second (it brings the whole of
sigstore), ten times what hashing a shipped model costs, and every server pays it at start.

Two choices are stricter than the library's defaults: `.git*` files are counted like any other (a place the digest
does not look is a place to hide), and a folder that cannot be listed is an error instead of an empty folder.

The digest binds contents and their order, not names; the signed manifest (`homologate.attest.statements`) binds names.
"""

from __future__ import annotations

import hashlib
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from homologate.errors import ModelError

__all__ = ["digest_of", "digest_of_files", "manifest_of", "sha256_of"]


def digest_of(directory: str | os.PathLike[str]) -> str:
    """The digest of a model directory, `"sha256:<64 hex digits>"`.

    Raises:
        ModelError: the directory is missing or empty, or anything in it is a symbolic link, not a regular file, or
            cannot be read.
    """
    return digest_of_files(manifest_of(directory))


def digest_of_files(manifest: dict[str, str]) -> str:
    """The digest of a directory from its manifest (see `manifest_of`)."""
    root = hashlib.sha256()
    for name in sorted(manifest, key=lambda name: PurePosixPath(name).parts):
        root.update(bytes.fromhex(manifest[name]))
    return f"sha256:{root.hexdigest()}"


def manifest_of(directory: str | os.PathLike[str]) -> dict[str, str]:
    """Every file of a directory: `{relative POSIX path: SHA-256 in hex}`, in the order the digest takes them.

    Raises:
        ModelError: as `digest_of`.
    """
    root = Path(directory)
    files = _files(root)
    if not files:
        raise ModelError("the model directory holds no file", place=str(root))
    with ThreadPoolExecutor() as pool:
        # Reading and hashing release the interpreter lock, so two files are hashed on two cores.
        digests = list(pool.map(_hash_file, files))
    found = {path.relative_to(root).as_posix(): digest for path, digest in zip(files, digests, strict=True)}
    return dict(sorted(found.items(), key=lambda item: PurePosixPath(item[0]).parts))


def sha256_of(data: bytes) -> str:
    """The SHA-256 of `data`, `"sha256:<64 hex digits>"`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _files(root: Path) -> list[Path]:
    if root.is_symlink() or not root.is_dir():
        raise ModelError(f"no model directory {str(root)!r}", legal="a directory that is not a symbolic link")
    found: list[Path] = []
    pending = [root]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    _check_entry(entry)
                    (pending if entry.is_dir(follow_symlinks=False) else found).append(Path(entry.path))
        except OSError as error:
            raise ModelError(f"cannot list {str(folder)!r}: {error.strerror}", place=str(root)) from error
    return found


def _check_entry(entry: os.DirEntry[str]) -> None:
    legal = "regular files and directories with UTF-8 names"
    if entry.is_symlink():
        raise ModelError("a model directory may hold no symbolic link", place=entry.path, legal=legal)
    mode = entry.stat(follow_symlinks=False).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise ModelError("neither a file nor a directory", place=entry.path, legal=legal)
    try:
        entry.name.encode("utf-8")
    except UnicodeEncodeError:
        raise ModelError(f"the file name {os.fsencode(entry.name)!r} is not UTF-8", legal=legal) from None


def _hash_file(path: Path) -> str:
    try:
        # O_NOFOLLOW: a file swapped for a link between listing and reading is an error, not another file's digest.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        with open(descriptor, "rb", buffering=0) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"cannot read {path.name!r}: {error.strerror}", place=str(path)) from error
