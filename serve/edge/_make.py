"""Make an edge package: gather, measure the golden probe, sign, and write what builds and deploys it."""

from __future__ import annotations

import json
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

from homologate.attest import (
    SigningKey,
    canonical,
    digest_of,
    manifest_of,
    manifest_predicate,
    sign_statement,
    trust,
)
from homologate.errors import ModelError, RefusedError, StorageError, UsageError
from homologate.model_directory import SCORER_PACKAGE, example
from homologate.scoring import open_scorer
from homologate.versions import Approval
from serve.edge._deployment import deployment

__all__ = ["Made", "make_package"]

HERE = Path(__file__).parent
COLLECTOR = "homologate_collector"
PRECISION = "int8"
LIBRARIES = ("numpy", "onnxruntime", "tokenizers")
"""All a device needs; in the versions the model was judged with."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time every file of an archive carries: the same version makes the same bytes."""


class Made(NamedTuple):
    """What was written.

    Attributes:
        folder: everything needed to build and deploy.
        archive: the package as one file, for `install` on a device.
        digest: of the package, `"sha256:<hex>"`.
        key_id: who signed it.
        megabytes: size of the package.
        image: how the container image is called.
    """

    folder: Path
    archive: Path
    digest: str
    key_id: str
    megabytes: float
    image: str


def make_package(directory: Path, approval: Approval, out: Path, key: SigningKey, *, image: str | None = None) -> Made:
    """Pack an approved version.

    Args:
        directory: its model directory.
        approval: the ledger's decision (`homologate.versions.approval_of`).
        out: the folder to make; must not exist.
        key: who signs; its public half is written to `trusted/`, to be carried to devices another way.
        image: what the container image will be called; default names model and version.

    Raises:
        ModelError: the directory is broken or holds no int8 model.
        RefusedError: its bytes are not those that were approved.
        StorageError: the disk will not take it.
        UsageError: `out` exists.
    """
    if out.exists():
        raise UsageError(f"{str(out)!r} exists already", place="--out", legal="a new folder; none is overwritten")
    found = digest_of(directory)
    if found != approval.digest:
        raise RefusedError(
            f"the bytes are {found}, approved was {approval.digest}",
            place=str(directory),
            next_command="homologate audit drift",
        )
    image = image or f"{approval.model}-edge:{approval.version}"
    scratch = out.with_name(f".{out.name}.new")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        made = _write(directory, approval, scratch, key, image)
        scratch.rename(out)
    except OSError as error:
        raise StorageError(f"cannot write the package: {error.strerror or error}", place=str(out)) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return made._replace(folder=out, archive=out / made.archive.name)


def _write(directory: Path, approval: Approval, out: Path, key: SigningKey, image: str) -> Made:
    package = out / "package"
    (package / "model").mkdir(parents=True)
    _model(directory, package)
    _programs(directory, package)
    facts = {
        "schema": 1,
        "model": approval.model,
        "version": approval.version,
        "digest": approval.digest,
        "precision": PRECISION,
        "approval": approval._asdict(),
    }
    _json(package / "edge.json", facts)
    _json(package / "probe.json", _golden(package / "model", example(directory)))
    digest = digest_of(package)
    predicate = manifest_predicate(manifest_of(package))
    signed = sign_statement("manifest", digest, predicate, key, name=f"{approval.model}-edge-{approval.version}")
    (out / "package.intoto.json").write_bytes(canonical(signed))
    trust(key.public, out / "trusted")
    template = (HERE / "templates" / "Dockerfile").read_text(encoding="utf-8")
    words = {"image": image, "model": approval.model, "version": approval.version, "digest": approval.digest}
    (out / "Dockerfile").write_text(template.format(package=digest, **words), encoding="utf-8")
    _json(out / "deployment.json", deployment(image))
    archive = out / f"{approval.model}-{approval.version}.edge.tar"
    _tar(archive, out, ("package", "package.intoto.json"))
    size = sum(file.stat().st_size for file in package.rglob("*") if file.is_file()) / 1e6
    return Made(out, archive, digest, key.key_id, round(size, 1), image)


def _model(directory: Path, package: Path) -> None:
    """The int8 graph, the tokenizer, and the scorer's facts, saying int8."""
    for name in ("model.int8.onnx", "tokenizer.json"):
        if not (directory / name).is_file():
            raise ModelError(f"no {name}", place=str(directory), next_command="homologate export")
        shutil.copyfile(directory / name, package / "model" / name)
    facts = json.loads((directory / "scorer.json").read_text(encoding="utf-8"))
    _json(package / "model" / "scorer.json", {**facts, "precision": PRECISION})
    pins = (directory / "requirements.txt").read_text(encoding="utf-8").splitlines()
    kept = [pin for pin in pins if pin.partition("==")[0] in LIBRARIES]
    (package / "requirements.txt").write_text("\n".join(kept) + "\n", encoding="utf-8")


def _programs(directory: Path, package: Path) -> None:
    """`edge.pyz`: this runtime, the version's own scorer and the collector's record in one file. Beside it, Node."""
    scorer = directory / "code" / SCORER_PACKAGE
    if not scorer.is_dir():
        raise ModelError("the version carries no scorer", place=str(scorer), next_command="homologate export")
    import homologate.scorer

    collector = Path(homologate.scorer.__file__).parent / "collector"
    packed = {"homologate_edge": HERE / "runtime", SCORER_PACKAGE: scorer, COLLECTOR: collector}
    with zipfile.ZipFile(package / "edge.pyz", "w", zipfile.ZIP_DEFLATED) as archive:
        _zip(archive, "__main__.py", b"from homologate_edge._main import main\n\nraise SystemExit(main())\n")
        for name, folder in packed.items():
            for file in sorted(folder.rglob("*.py")):
                _zip(archive, f"{name}/{file.relative_to(folder).as_posix()}", file.read_bytes())
    (package / "node").mkdir()
    for file in sorted((HERE / "node").iterdir()):
        if file.is_file():
            shutil.copyfile(file, package / "node" / file.name)


def _golden(model: Path, texts: list[str]) -> list[dict[str, Any]]:
    scorer = open_scorer(model, PRECISION)
    answers = scorer.answers(texts)
    return [
        {"text": text, "label": answer.label, "probability": answer.probability}
        for text, answer in zip(texts, answers, strict=True)
    ]


def _zip(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, data)


def _tar(file: Path, root: Path, names: tuple[str, ...]) -> None:
    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.uid = entry.gid = entry.mtime = 0
        entry.uname = entry.gname = ""
        entry.mode = 0o755 if entry.isdir() else 0o644
        return entry

    with tarfile.open(file, "w") as archive:
        for name in names:
            archive.add(root / name, name, filter=plain)


def _json(file: Path, content: Any) -> None:
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
