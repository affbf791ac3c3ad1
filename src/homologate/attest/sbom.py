"""The software bill of materials of a model directory: CycloneDX 1.6, the same bytes for the same directory.

It names the pinned requirements the model runs on and every file of the directory with its SHA-256. It holds no time
and no random number, because it lies inside the directory whose digest names the model.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from pathlib import Path
from typing import Any

from homologate.attest.digest import digest_of_files, manifest_of
from homologate.attest.envelope import strict_json
from homologate.errors import ModelError

__all__ = ["SBOM_FILE", "check_sbom", "pinned", "sbom_of"]

SBOM_FILE = "sbom.cdx.json"
REQUIREMENTS_FILE = "requirements.txt"
PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?==(?P<version>[A-Za-z0-9.+!_-]+)$")


def sbom_of(directory: str | os.PathLike[str], *, name: str, version: str) -> str:
    """The content of `sbom.cdx.json` for a model directory that is otherwise complete.

    Args:
        directory: the model directory; an `sbom.cdx.json` already in it is left out.
        name: the model's registered name.
        version: what tells it from others before it has a registered version (the train run's id).

    Raises:
        ModelError: the directory cannot be read, or a line of its `requirements.txt` is not an exact pin.
    """
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6
    from packageurl import PackageURL

    files = {path: digest for path, digest in manifest_of(directory).items() if path != SBOM_FILE}
    model = Component(
        name=name, version=version, type=ComponentType.MACHINE_LEARNING_MODEL, bom_ref=f"model:{name}@{version}"
    )
    libraries = [
        Component(
            name=library,
            version=pin,
            type=ComponentType.LIBRARY,
            purl=PackageURL("pypi", name=library, version=pin),
            bom_ref=f"pkg:pypi/{library}@{pin}",
        )
        for library, pin in pinned(Path(directory) / REQUIREMENTS_FILE).items()
    ]
    parts = [
        Component(
            name=path,
            type=ComponentType.FILE,
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)],
            bom_ref=f"file:{path}",
        )
        for path, digest in files.items()
    ]
    bom = Bom(components=[*libraries, *parts], serial_number=_serial(files))
    bom.metadata.component = model
    bom.register_dependency(model, [*libraries, *parts])
    content: dict[str, Any] = json.loads(JsonV1Dot6(bom).output_as_string())
    del content["metadata"]["timestamp"]  # optional in CycloneDX; the training statement says when
    return json.dumps(content, indent=2, sort_keys=True) + "\n"


def check_sbom(directory: str | os.PathLike[str], files: dict[str, str]) -> str | None:
    """What is wrong with the bill of materials of a directory, or None.

    Args:
        directory: the model directory.
        files: its manifest (`manifest_of`).
    """
    if SBOM_FILE not in files:
        return f"the model directory holds no {SBOM_FILE}"
    content = strict_json((Path(directory) / SBOM_FILE).read_bytes(), SBOM_FILE)
    try:
        components = content["components"]
        listed = {part["name"]: part["hashes"][0]["content"] for part in components if part["type"] == "file"}
        libraries = {part["name"]: part["version"] for part in components if part["type"] == "library"}
        serial = content["serialNumber"]
    except (KeyError, TypeError, IndexError) as error:
        return f"{SBOM_FILE} is not a CycloneDX bill of materials of this project: {error!r} is missing"
    there = {path: digest for path, digest in files.items() if path != SBOM_FILE}
    if listed != there:
        odd = sorted(path for path in listed.keys() | there.keys() if listed.get(path) != there.get(path))
        return f"{SBOM_FILE} and the directory disagree about {', '.join(odd)}"
    if libraries != pinned(Path(directory) / REQUIREMENTS_FILE):
        return f"{SBOM_FILE} and {REQUIREMENTS_FILE} name different libraries"
    if serial != f"urn:uuid:{_serial(there)}":
        return f"{SBOM_FILE} has a serial number that is not of these files"
    return None


def pinned(requirements: Path) -> dict[str, str]:
    """The exact pins of a requirements file, `{name: version}`, in the order of the file.

    Raises:
        ModelError: the file is missing, or a line of it is not `name==version`.
    """
    try:
        lines = requirements.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"cannot read the model's requirements: {error}", place=str(requirements)) from error
    pins: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split("#", 1)[0].split(";", 1)[0].split(" --hash", 1)[0].rstrip("\\ ").strip()
        if not words or words.startswith("--"):
            continue
        pin = PIN.match(words)
        if pin is None:
            raise ModelError(
                f"{words!r} is not an exact pin", place=f"{requirements}, line {number}", legal="name==version"
            )
        pins[pin["name"].lower()] = pin["version"]
    return pins


def _serial(files: dict[str, str]) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_URL, digest_of_files(files))
