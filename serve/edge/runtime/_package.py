"""A package on a device: what it must be, byte for byte, before it may answer, and what it must answer first."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ._faults import BrokenFault, RefusedFault, UsageFault
from ._signature import key_id_of, verifies

if TYPE_CHECKING:
    from homologate_scorer import Answer, Scorer

__all__ = ["ENVELOPE", "FOLDER", "Package", "open_package", "own_home", "probe"]

FOLDER, ENVELOPE = "package", "package.intoto.json"
"""The signed files, and beside them who signed which."""

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MANIFEST_TYPE = "https://model_signing/signature/v1.0"
TOLERANCE = 0.01
"""How far a probe's probability may be from the packager's: int8 kernels of different processors round differently."""


@dataclass(frozen=True, slots=True)
class Package:
    """A verified package. `home` holds the folder and the envelope; `facts` is its edge.json; `digest` its name."""

    home: Path
    digest: str
    facts: dict[str, Any]
    signed_by: str

    @property
    def model(self) -> Path:
        """The directory the scorer opens."""
        return self.home / FOLDER / "model"

    @property
    def program(self) -> Path:
        """The package's own runtime."""
        return self.home / FOLDER / "edge.pyz"

    def scorer(self) -> Scorer:
        """A scorer of this package's model; each call stays on its caller's thread.

        Raises:
            BrokenFault: the model cannot be loaded.
        """
        # Imported here, so that whoever only supervises does not carry ONNX Runtime.
        from homologate_scorer import Scorer, ScorerFault

        try:
            return Scorer(self.model, self.facts["precision"], threads=1)
        except ScorerFault as fault:
            raise BrokenFault(fault.problem, place=fault.place) from fault


def own_home() -> Path:
    """The home of the package this runtime was started from."""
    return Path(__file__).resolve().parents[3]


def open_package(home: Path, trusted: Path) -> Package:
    """Verify a package: a trusted key signed a manifest, and the files are exactly those, byte for byte.

    Args:
        home: holds `package/` and `package.intoto.json`.
        trusted: a folder of public keys in PEM that came to the device another way than the package.

    Raises:
        RefusedFault: no trusted signature, or a file is changed, missing or too many.
        UsageFault: there is no trusted key, or a file of the folder is none.
    """
    payload, key = _believed(home / ENVELOPE, trusted)
    try:
        statement = json.loads(payload)
        (subject,) = statement["subject"]
        signed = {entry["name"]: entry["digest"] for entry in statement["predicate"]["resources"]}
        kind, digest = statement["predicateType"], subject["digest"]["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedFault("what was signed is no manifest", place=str(home / ENVELOPE)) from error
    found = _files(home / FOLDER)
    odd = sorted(name for name in found.keys() | signed.keys() if found.get(name) != signed.get(name))
    if kind != MANIFEST_TYPE or odd:
        raise RefusedFault(
            f"not as signed: {', '.join(odd[:5]) or kind}",
            place=str(home / FOLDER),
            next_command="install the package again from where it was made",
        )
    root = hashlib.sha256()
    for name in sorted(found, key=lambda name: PurePosixPath(name).parts):
        root.update(bytes.fromhex(found[name]))
    if root.hexdigest() != digest:
        raise RefusedFault("the files do not add up to the digest that was signed", place=str(home / ENVELOPE))
    facts = json.loads((home / FOLDER / "edge.json").read_text(encoding="utf-8"))
    if facts.get("schema") != 1:
        raise BrokenFault(f"edge.json has schema {facts.get('schema')!r}", place=str(home), legal="1")
    return Package(home, digest, facts, key)


def probe(package: Package) -> Scorer:
    """Answer the golden probe as the packager's machine did, and return the scorer that did.

    Raises:
        BrokenFault: an answer differs; names the text, what was expected and what was answered.
    """
    from homologate_scorer import ScorerFault

    scorer = package.scorer()
    expected = json.loads((package.home / FOLDER / "probe.json").read_text(encoding="utf-8"))
    for row in expected:
        try:
            answer = scorer.answer(row["text"])
        except ScorerFault as fault:
            raise BrokenFault(f"the golden probe cannot be answered: {fault.problem}", place=fault.place) from fault
        if not _agrees(answer, row):
            raise BrokenFault(
                f"the golden probe {row['text'][:40]!r} was answered {answer.label} {answer.probability:.6f}, "
                f"expected was {row['label']} {row['probability']:.6f}",
                place=str(package.home),
                legal=f"the same label, and a probability within {TOLERANCE}",
            )
    return scorer


def _agrees(answer: Answer, row: dict[str, Any]) -> bool:
    close = abs(answer.probability - row["probability"]) <= TOLERANCE
    # A text this near the threshold may fall to either side on another processor.
    near = abs(row["probability"] - answer.threshold) <= TOLERANCE
    return bool(close and (near or answer.label == row["label"]))


def _believed(envelope: Path, trusted: Path) -> tuple[bytes, str]:
    """The payload of a DSSE envelope that a trusted key signed, and that key's id."""
    keys = _keys(trusted)
    try:
        found = json.loads(envelope.read_bytes())
        (signature,) = found["signatures"]
        kind, payload = found["payloadType"], base64.b64decode(found["payload"], validate=True)
        signed_by, value = signature["keyid"], base64.b64decode(signature["sig"], validate=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedFault(f"no signature that can be read: {error}", place=str(envelope)) from error
    if signed_by not in keys:
        raise RefusedFault(
            f"signed by the key {signed_by!r:.20}, which this device does not trust",
            place=str(envelope),
            legal=", ".join(key[:12] for key in keys),
            next_command=f"put the packager's public key into {trusted}, if you do trust it",
        )
    name = PAYLOAD_TYPE.encode()
    encoding = b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)
    if kind != PAYLOAD_TYPE or not verifies(keys[signed_by], value, encoding):
        raise RefusedFault("the signature does not fit: bytes were changed after signing", place=str(envelope))
    return payload, signed_by


def _keys(trusted: Path) -> dict[str, str]:
    keys = {}
    for file in sorted(trusted.glob("*.pem")):
        pem = file.read_text(encoding="ascii", errors="replace")
        try:
            keys[key_id_of(pem)] = pem
        except ValueError as error:
            raise UsageFault(str(error), place=str(file), legal="an EC P-256 public key in PEM") from error
    if not keys:
        raise UsageFault("this device trusts no key", place=str(trusted), legal="<key id>.pem of who makes packages")
    return keys


def _files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file by its path; anything that is neither a file nor a directory is a refusal."""
    found = {}
    for parent, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            path = Path(parent, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise RefusedFault("a package holds files and folders only", place=str(path))
        for name in names:
            with Path(parent, name).open("rb") as data:
                digest = hashlib.file_digest(data, "sha256").hexdigest()
            found[Path(parent, name).relative_to(folder).as_posix()] = digest
    return found
