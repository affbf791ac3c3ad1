"""What an image holds, as CycloneDX on stdout: every distribution of the interpreter that runs this, as installed.

Run while an image is built, by the interpreter that goes into it; standard library only.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, distributions
from typing import Any


def main(name: str, commit: str) -> None:
    """Write the bill of the image `name`, built of `commit`."""
    parts = sorted((_part(one) for one in distributions()), key=lambda part: str(part["bom-ref"]))
    image = {"type": "container", "bom-ref": name, "name": name, "version": commit}
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": image},
        "components": parts,
        "dependencies": [{"ref": name, "dependsOn": [part["bom-ref"] for part in parts]}],
    }
    json.dump(bill, sys.stdout, indent=1)


def _part(found: Distribution) -> dict[str, Any]:
    name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
    address = f"pkg:pypi/{name}@{found.version}"
    licence = found.metadata.get("License-Expression")
    told = {"licenses": [{"expression": licence}]} if licence else {}
    return {"type": "library", "bom-ref": address, "name": name, "version": found.version, "purl": address, **told}


if __name__ == "__main__":
    main(*sys.argv[1:])
