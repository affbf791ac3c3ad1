"""What Azure's own SDK sends for every definition of azure/, kept in payloads.json beside this file.

    python tests/azure/payloads.py [INTERPRETER]      keeps it anew; default: .venv-azure/bin/python (`make azure`)

Paths of this machine and digests that follow from them are masked.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(__file__).with_name("payloads.json")
MASKED = {
    r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{32,64}\b": "DIGEST",
    r"(?:\\+n *- [\w.,\[\]-]+==[\w.+]+)+": " PINS",
    r"(?:'[\w.,\[\]-]+==[\w.+]+'(?:, )?)+": "PINS",
}
"""Digests of what changes with every file, and the pins of the lock, which tests/test_environments_agree.py holds."""
_LOAD = """
import json, logging, sys, warnings
from pathlib import Path
logging.disable(logging.WARNING)
warnings.simplefilter("ignore")
import yaml
import azure.ai.ml as ml
from azure.ai.ml.entities._load_functions import load_schedule
root, told = Path(sys.argv[1]), {}
for name in sys.argv[2:]:
    file = root / name
    made = yaml.safe_load(file.read_text())
    kind = made["$schema"].rpartition("/")[2].partition(".")[0]
    load = {
        "commandComponent": ml.load_component, "pipelineJob": ml.load_job, "sweepJob": ml.load_job,
        "schedule": load_schedule, "environment": ml.load_environment, "amlCompute": ml.load_compute,
        "data": ml.load_data, "managedOnlineEndpoint": ml.load_online_endpoint,
        "kubernetesOnlineEndpoint": ml.load_online_endpoint, "managedOnlineDeployment": ml.load_online_deployment,
        "kubernetesOnlineDeployment": ml.load_online_deployment, "batchEndpoint": ml.load_batch_endpoint,
        "batchDeployment": ml.load_batch_deployment,
    }[kind]
    entity = load(file)
    if kind.endswith("Endpoint"):
        batch = getattr(entity, "_to_rest_batch_endpoint", None)
        rest = getattr(entity, "_to_rest_online_endpoint", batch)("somewhere")
    elif kind.endswith("Deployment"):
        rest = entity._to_rest_object(location="somewhere")
    else:
        rest = entity._to_rest_object()
    found = entity._validate() if kind in ("commandComponent", "pipelineJob", "schedule") else None
    told[name] = {"passed": found is None or found.passed, "rest": rest if isinstance(rest, dict) else rest.as_dict()}
print(json.dumps(told, default=str))
"""


def files() -> list[Path]:
    """Every definition the SDK reads."""
    found = sorted((ROOT / "azure").rglob("*.yml"))
    return [file for file in found if "azuremlschemas" in file.read_text(encoding="utf-8")]


def of_the_sdk(python: Path) -> dict[str, Any]:
    """`passed` and the body (`rest`) of every definition, by its path below azure/, as one SDK makes them."""
    names = [str(file.relative_to(ROOT / "azure")) for file in files()]
    words = [str(python), "-c", _LOAD, str(ROOT / "azure"), *names]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    if done.returncode:
        raise AssertionError(done.stderr[-3000:])
    line = done.stdout.splitlines()[-1].replace(f"{ROOT}/", "").replace(str(ROOT), ".")
    for what, mask in MASKED.items():
        line = re.sub(what, mask, line)
    told: dict[str, Any] = json.loads(line)
    return told


if __name__ == "__main__":
    made = of_the_sdk(Path(sys.argv[1] if len(sys.argv) > 1 else ".venv-azure/bin/python"))
    KEPT.write_text(json.dumps({name: one["rest"] for name, one in made.items()}, indent=1, sort_keys=True) + "\n")
    print(f"kept {len(made)} payloads in {KEPT}")
