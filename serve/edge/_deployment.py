"""The IoT Edge deployment manifest: which modules run on a device, and the routes between them.

After "Learn how to deploy modules and establish routes in IoT Edge" (schema 1.1) of Microsoft's documentation: the
desired properties of `$edgeAgent` and `$edgeHub`. `az iot edge set-modules --content deployment.json` applies it; for
many devices, `az iot edge deployment create`.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["deployment"]

RUNTIME = "1.5"
AGENT = f"mcr.microsoft.com/azureiotedge-agent:{RUNTIME}"
HUB = f"mcr.microsoft.com/azureiotedge-hub:{RUNTIME}"
PORT = "5200/tcp"


def deployment(image: str) -> dict[str, Any]:
    """A manifest that runs `image` beside the two system modules.

    Answers are bound to the device's loopback; predictions and later packages live in the volume `homologate`. The
    store's address holds a secret, so it is not written here: `$HOMOLOGATE_FORWARD` comes from the module's
    environment as the device's own provisioning sets it.
    """
    host = {
        "PortBindings": {PORT: [{"HostIp": "127.0.0.1", "HostPort": "5200"}]},
        "Binds": ["homologate:/var/lib/homologate"],
        "Memory": 512 << 20,
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
    }
    return {
        "modulesContent": {
            "$edgeAgent": {
                "properties.desired": {
                    "schemaVersion": "1.1",
                    "runtime": {"type": "docker", "settings": {"minDockerVersion": "v1.25"}},
                    "systemModules": {
                        "edgeAgent": {"type": "docker", "settings": _settings(AGENT, {})},
                        "edgeHub": {
                            "type": "docker",
                            "status": "running",
                            "restartPolicy": "always",
                            "settings": _settings(HUB, {}),
                        },
                    },
                    "modules": {
                        "classifier": {
                            "type": "docker",
                            "version": "1.0",
                            "status": "running",
                            "restartPolicy": "always",
                            "settings": _settings(image, {"ExposedPorts": {PORT: {}}, "HostConfig": host}),
                            "env": {"PYTHONUNBUFFERED": {"value": "1"}},
                        }
                    },
                }
            },
            "$edgeHub": {
                "properties.desired": {
                    "schemaVersion": "1.1",
                    "routes": {},
                    "storeAndForwardConfiguration": {"timeToLiveSecs": 7200},
                }
            },
        }
    }


def _settings(image: str, options: dict[str, Any]) -> dict[str, str]:
    """Image and create options; the options are JSON in a string, in pieces of 512 characters as the format wants."""
    text = json.dumps(options, separators=(",", ":"))
    pieces = [text[first : first + 512] for first in range(0, len(text), 512)]
    names = ["createOptions", *(f"createOptions{number:02d}" for number in range(1, len(pieces)))]
    return {"image": image, **dict(zip(names, pieces, strict=True))}
