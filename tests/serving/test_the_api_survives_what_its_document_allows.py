"""Requests made from our own OpenAPI document, legal and illegal: never a 5xx, never an answer the document denies."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from homologate.local import program

SECONDS = 12


def test_no_request_made_from_the_document_breaks_the_server_or_the_document(server: Any, tmp_path: Path) -> None:
    server.score()
    before = server.memory()
    words = [program("schemathesis"), "run", f"{server.url}/openapi.json", "--max-time", str(SECONDS), "--no-color"]
    words += ["--phases", "examples,coverage,fuzzing", "--generation-deterministic", "--continue-on-failure"]
    # A schema cannot say which characters a tokeniser reads, so legal JSON may still be no description.
    words += ["--checks", "all", "--exclude-checks", "positive_data_acceptance"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "8 selected" in done.stdout
    assert server.score().status_code == 200
    assert server.memory() < before + 20
