"""The code folder of a deployment: the scoring script and the files of this project it needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import homologate

__all__ = ["scoring_code"]

SHIPPED = ("errors.py", "attest/digest.py", "batch/_formats.py")
"""Standard library only (and pyarrow for Parquet); without the packages' `__init__` files they import as they are."""


def scoring_code(out: Path, script: Path) -> Path:
    """Make the folder Azure ML uploads beside the model.

    Args:
        out: the folder to make; must not exist.
        script: the scoring script (`azure/online/score.py`); `approved.py` lies beside its folder.
    """
    out.mkdir(parents=True)
    shutil.copyfile(script, out / script.name)
    shutil.copyfile(script.parents[1] / "approved.py", out / "approved.py")
    package = Path(homologate.__file__).parent
    for name in SHIPPED:
        target = out / "homologate" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(package / name, target)
    return out
