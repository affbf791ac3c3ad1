"""The bill of materials is CycloneDX, reproducible, and names every file and every pinned requirement."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from homologate.attest import SBOM_FILE, manifest_of, sbom_of
from homologate.attest.sbom import check_sbom
from homologate.errors import ModelError


def test_the_same_directory_gives_the_same_bytes(bundle: Any) -> None:
    assert sbom_of(bundle.model, name="parts", version="run-1") == (bundle.model / SBOM_FILE).read_text()


def test_it_names_every_file_with_its_digest_and_every_library_with_its_pin(bundle: Any) -> None:
    content = json.loads((bundle.model / SBOM_FILE).read_text())
    files = {part["name"]: part["hashes"][0]["content"] for part in content["components"] if part["type"] == "file"}
    assert files == {name: digest for name, digest in manifest_of(bundle.model).items() if name != SBOM_FILE}
    purls = {part["purl"] for part in content["components"] if part["type"] == "library"}
    assert purls == {"pkg:pypi/numpy@2.2.6", "pkg:pypi/onnxruntime@1.32.0"}
    assert content["metadata"]["component"]["type"] == "machine-learning-model"


def test_it_is_valid_cyclonedx(bundle: Any) -> None:
    from cyclonedx.model.bom import Bom

    content = json.loads((bundle.model / SBOM_FILE).read_text())
    assert content["bomFormat"] == "CycloneDX"
    assert content["specVersion"] == "1.6"
    assert len(Bom.from_json(content).components) == len(content["components"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("line", ["numpy>=2", "numpy", "git+https://example.org/x", "numpy==2.*"])
def test_a_requirement_that_is_not_pinned_is_refused_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"# pins\nonnxruntime==1.32.0 --hash=sha256:{'0' * 64}\n{line}\n")
    with pytest.raises(ModelError, match=r"is not an exact pin\n  where: .*requirements\.txt, line 3"):
        sbom_of(tmp_path, name="m", version="1")


def test_a_directory_without_requirements_has_no_bill(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match="cannot read the model's requirements"):
        sbom_of(tmp_path, name="m", version="1")


def test_a_bill_that_disagrees_with_the_directory_is_told(bundle: Any) -> None:
    assert check_sbom(bundle.model, manifest_of(bundle.model)) is None
    (bundle.model / "requirements.txt").write_text("numpy==2.2.5\nonnxruntime==1.32.0\n")
    assert (
        check_sbom(bundle.model, manifest_of(bundle.model))
        == "sbom.cdx.json and the directory disagree about requirements.txt"
    )
    (bundle.model / SBOM_FILE).write_text("{}")
    assert "is not a CycloneDX bill" in str(check_sbom(bundle.model, manifest_of(bundle.model)))
    (bundle.model / SBOM_FILE).unlink()
    assert check_sbom(bundle.model, manifest_of(bundle.model)) == "the model directory holds no sbom.cdx.json"
