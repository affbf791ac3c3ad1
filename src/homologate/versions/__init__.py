"""Registered versions, read without MLflow in this process: which one a name means, and its bytes.

    reference = parse_reference("models:/component-classifier/Production")
    model = locate(reference, home)                 # a directory, a number and a digest: a moving name, resolved once

    registry = registry_of(home)                    # the same in two steps, for whoever watches a name move
    version = registry.resolve(reference)
    directory = obtain(version, registry, home)     # whole, verified against its digest, cached by it
    approval = approval_of(version, registry)       # what the gate's ledger says about it; refuses without one

Importing mlflow costs a server three seconds and 200 MB, so an http(s) registry is read by plain REST and any other
store through a short-lived child process (`_mlflow_child.py`). Nothing here writes to a registry.
"""

from homologate.versions._approval import Approval, approval_of
from homologate.versions._cache import DIGEST_TAG, obtain
from homologate.versions._locate import Located, locate, registry_of
from homologate.versions._reference import Reference, parse_reference
from homologate.versions._registry import ModelVersion, Registry, open_registry

__all__ = [
    "DIGEST_TAG",
    "Approval",
    "Located",
    "ModelVersion",
    "Reference",
    "Registry",
    "approval_of",
    "locate",
    "obtain",
    "open_registry",
    "parse_reference",
    "registry_of",
]
