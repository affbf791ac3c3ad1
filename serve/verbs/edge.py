"""Pack an approved version for devices without a network: ONNX (int8), tokenizer, signed manifest, tiny runtime.

    homologate edge                                    the version in Production, into ./<model>-<version>-edge
    homologate edge 7 --out line-4
    homologate edge models:/component-classifier/7 --image registry.example.com/classifier:7

The gate's ledger is asked whether it has this version in Production with these bytes; without its word nothing is
packed. The folder holds the package (`package/`, `package.intoto.json`), the same as one file for updates
(`*.edge.tar`), a Dockerfile for amd64 and arm64, an IoT Edge deployment manifest, and `trusted/`: the public key that
devices must have, carried to them another way than the package.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from homologate.verbs._shared import add_settings, settings_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "version", nargs="?", default="Production", help="a version number, Production, or models:/<name>/<version>"
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="the folder to make")
    parser.add_argument("--image", metavar="NAME", help="what the container image will be called")
    add_settings(parser)


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Ask the gate, fetch the version, pack it."""
    from homologate.attest import load_signing_key
    from homologate.errors import UsageError
    from homologate.versions import approval_of, obtain, parse_reference, registry_of
    from serve.edge import make_package

    settings = settings_of(args)
    named = args.version if args.version.startswith("models:") else f"models:/{settings.model}/{args.version}"
    reference = parse_reference(named, place="version")
    if reference.kind in {"run", "directory"}:
        raise UsageError(f"{args.version!r} is no registered version", place="version", legal="7, Production")
    home = Path(settings.home)
    registry = registry_of(home)
    version = registry.resolve(reference)
    approval = approval_of(version, registry)
    directory = obtain(version, registry, home)
    out = args.out or Path(f"{version.name}-{version.number}-edge")
    made = make_package(directory, approval, out, load_signing_key(home), image=args.image)
    return {
        **made._asdict(),
        "folder": str(made.folder),
        "archive": str(made.archive),
        "approval": approval._asdict(),
    }


def show(facts: dict[str, Any]) -> str:
    """What was packed, by whose decision, and how to try it."""
    approval, folder = facts["approval"], facts["folder"]
    note = " under a demonstration's policy" if approval["demonstration"] else ""
    return "\n".join(
        [
            f"{approval['model']} version {approval['version']}, in Production since {approval['since']} by "
            f"{approval['by']}{note}",
            f"  {folder}: {facts['megabytes']} MB, package {facts['digest'][:19]}…, signed by {facts['key_id'][:12]}…",
            f"  {facts['archive']}: the same as one file, for devices that have a package already",
            "",
            "next: try it here, then build the image",
            f"  python -I {folder}/package/edge.pyz probe --trusted {folder}/trusted",
            f"  docker buildx build --platform linux/amd64,linux/arm64 --tag {facts['image']} {folder}",
        ]
    )
