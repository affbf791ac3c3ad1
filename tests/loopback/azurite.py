"""Real Azure Blob storage on loopback: Microsoft's Azurite, from npm, with an account made for one test session."""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from loopback.kept import kept

VERSION = "3.35.0"
ACCOUNT = "loopback"


@dataclass(frozen=True)
class Azurite:
    """One running Azurite: its address, its account and the certificate authority that clients must trust."""

    url: str
    key: str
    authority: Path

    @property
    def connection_string(self) -> str:
        """What `AZURE_STORAGE_CONNECTION_STRING` holds."""
        return f"AccountName={ACCOUNT};AccountKey={self.key};BlobEndpoint={self.url}/{ACCOUNT}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def make_container(self, name: str) -> None:
        """Make an empty container."""
        from azure.storage.blob import ContainerClient

        with ContainerClient.from_connection_string(
            self.connection_string, name, connection_verify=str(self.authority)
        ) as container:
            container.create_container()

    def container_sas(self, container: str, account_url: str) -> str:
        """The address of a container under `account_url`, with leave to do everything in it for an hour."""
        from azure.storage.blob import generate_container_sas

        leave = generate_container_sas(
            ACCOUNT,
            container,
            account_key=self.key,
            permission="racwdl",
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        return f"{account_url}/{container}?{leave}"

    def signed(self, container: str, blob: str, permission: str) -> str:
        """The address of one blob with leave to do one thing (`r`, `c`, …) for an hour."""
        from azure.storage.blob import generate_blob_sas

        leave = generate_blob_sas(
            ACCOUNT,
            container,
            blob,
            account_key=self.key,
            permission=permission,
            expiry=datetime.now(UTC) + timedelta(hours=1),
        )
        return f"{self.url}/{ACCOUNT}/{container}/{blob}?{leave}"


@contextmanager
def azurite(home: Path, certificates: trustme.CA) -> Iterator[Azurite]:
    """Azurite over TLS on a free port, its blobs under `home`."""
    program = _installed()
    home.mkdir(parents=True, exist_ok=True)
    authority, certificate, key_file = home / "ca.pem", home / "cert.pem", home / "key.pem"
    certificates.cert_pem.write_to_path(authority)
    issued = certificates.issue_cert("127.0.0.1", f"{ACCOUNT}.blob.core.windows.net")
    certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(key_file)
    account_key = base64.b64encode(secrets.token_bytes(64)).decode()
    port = free_port()
    words = [str(program), "--silent", "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(home)]
    words += ["--cert", str(certificate), "--key", str(key_file), "--disableTelemetry", "--skipApiVersionCheck"]
    environment = {**os.environ, "AZURITE_ACCOUNTS": f"{ACCOUNT}:{account_key}"}
    with (home / "azurite.log").open("wb") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
    try:
        _await(port, process)
        yield Azurite(f"https://127.0.0.1:{port}", account_key, authority)
    finally:
        process.terminate()
        process.wait(20)


def free_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    pytest.fail("Azurite did not start")


def _installed() -> Path:
    """The program, installed once into a cache of this machine."""

    def install(folder: Path) -> None:
        npm = shutil.which("npm")
        if npm is None:
            missing = "Azurite needs Node.js and npm: apt-get install nodejs npm"
            pytest.fail(missing) if os.environ.get("CI") == "true" else pytest.skip(missing)
        words = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"azurite@{VERSION}"]
        done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.fail(f"npm could not install azurite: {done.stderr[-800:]}")

    return kept(f"azurite-{VERSION}", install) / "node_modules" / ".bin" / "azurite-blob"
