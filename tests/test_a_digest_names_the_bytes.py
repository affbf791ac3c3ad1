"""The digest of a model directory is the OpenSSF model-signing digest of exactly the bytes that are there."""

from __future__ import annotations

import json
import os
import re
import tempfile
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homologate.attest import digest_of, make_signing_key, manifest_of, manifest_predicate
from homologate.errors import ModelError

NAMES = st.text(alphabet="abAB01._- é", min_size=1, max_size=6).filter(lambda name: name.strip(".") == name)
TREES = st.dictionaries(st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=40), min_size=1)


def plant(root: Path, tree: dict[str, bytes]) -> Path:
    for name, content in tree.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue  # one name is a file in one entry and a folder in another
    return root


@settings(max_examples=25, deadline=None)
@given(tree=TREES)
def test_the_digest_is_the_subject_the_model_signing_library_signs(
    tree: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    import model_signing

    root = plant(tmp_path_factory.mktemp("model"), tree)
    hashing = model_signing.hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
    theirs = {str(item.identifier): item.digest.digest_hex for item in hashing.hash(root).resource_descriptors()}
    assert manifest_of(root) == theirs
    assert list(manifest_of(root)) == list(theirs)


def test_digest_and_manifest_agree_with_a_signature_made_by_the_library(tmp_path: Path) -> None:
    import model_signing

    root = plant(
        tmp_path / "model", {"model.onnx": b"\x00" * 5000, "code/a.py": b"a", "code-b": b"b", ".gitignore": b"*"}
    )
    make_signing_key(tmp_path)
    hashing = model_signing.hashing.Config().set_ignored_paths(paths=[], ignore_git_paths=False)
    config = model_signing.signing.Config().use_elliptic_key_signer(private_key=tmp_path / "keys/signing.pem")
    config.set_hashing_config(hashing).sign(root, tmp_path / "model.sig")
    envelope = json.loads((tmp_path / "model.sig").read_text())["dsseEnvelope"]
    statement = json.loads(b64decode(envelope["payload"]))
    assert digest_of(root) == f"sha256:{statement['subject'][0]['digest']['sha256']}"
    assert manifest_predicate(manifest_of(root)) == statement["predicate"]


def test_every_byte_counts_also_in_git_files(tmp_path: Path) -> None:
    root = plant(tmp_path, {"a": b"1", ".git/config": b"2", ".gitignore": b"3"})
    before = digest_of(root)
    (root / ".git/config").write_bytes(b"4")
    assert digest_of(root) != before


def test_the_digest_is_the_same_wherever_the_directory_stands(tmp_path: Path) -> None:
    tree = {"model.onnx": b"x", "code/scorer.py": b"y"}
    assert digest_of(plant(tmp_path / "one", tree)) == digest_of(plant(tmp_path / "two", tree))
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest_of(tmp_path / "one"))


def test_a_symbolic_link_is_refused_and_named(tmp_path: Path) -> None:
    plant(tmp_path, {"model.onnx": b"x"})
    (tmp_path / "tokenizer.json").symlink_to("/etc/hostname")
    with pytest.raises(ModelError, match=r"no symbolic link\n  where: .*tokenizer\.json"):
        digest_of(tmp_path)
    link = tmp_path.parent / "linked-model"
    link.symlink_to(tmp_path)
    with pytest.raises(ModelError, match=r"no model directory '.*linked-model'"):
        digest_of(link)


def test_a_missing_or_empty_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model directory '.*absent'"):
        digest_of(tmp_path / "absent")
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(ModelError, match="holds no file"):
        digest_of(tmp_path / "empty")


def test_a_pipe_or_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ModelError, match="neither a file nor a directory"):
        digest_of(tmp_path)
    (tmp_path / "pipe").unlink()
    (tmp_path / os.fsdecode(b"bad\xff")).write_bytes(b"x")
    with pytest.raises(ModelError, match="is not UTF-8"):
        digest_of(tmp_path)


@contextmanager
def as_nobody(*paths: Path) -> Iterator[None]:
    """Root may read every file: give the files to nobody, and be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    for path in paths:
        os.chown(path, 65534, 65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_unreadable_file_or_folder_is_refused_not_skipped() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # pytest's own is closed to nobody
        root = plant(Path(folder), {"a": b"x", "inner/b": b"y"})
        with as_nobody(root, root / "a", root / "inner", root / "inner" / "b"):
            (root / "inner").chmod(0)
            with pytest.raises(ModelError, match=r"cannot list '.*inner': Permission denied"):
                digest_of(root)
            (root / "inner").chmod(0o700)
            (root / "a").chmod(0)
            with pytest.raises(ModelError, match="cannot read 'a': Permission denied"):
                digest_of(root)
            (root / "a").chmod(0o600)
            assert digest_of(root).startswith("sha256:")
