"""Attest: name the bytes, sign what was measured about them, and find any byte that changed since.

    digest_of(directory)                           the name of a model: a digest, recomputed and never believed
    sign_statement(kind, digest, predicate, key)   who measured what, in-toto in a DSSE envelope
    verify_bundle(directory, evidence, trusted)    every check, met, not met, or impossible to tell

Nothing that measures, renders or registers may enter this room: it signs what others found. No mlflow, torch or
pandas may be imported here; servers verify what they load.
"""

from homologate.attest.digest import digest_of, digest_of_files, manifest_of, sha256_of
from homologate.attest.envelope import canonical, strict_json
from homologate.attest.keys import (
    PublicKey,
    Signer,
    SigningKey,
    load_signing_key,
    load_trusted_keys,
    make_signing_key,
    trust,
)
from homologate.attest.sbom import SBOM_FILE, sbom_of
from homologate.attest.statements import (
    KINDS,
    REPORT_KINDS,
    Statement,
    manifest_predicate,
    report_predicate,
    sign_statement,
    training_predicate,
    verify_envelope,
)
from homologate.attest.verification import (
    REQUIRED_KINDS,
    Check,
    VerificationReport,
    believed_reports,
    read_evidence,
    statement_path,
    verify_bundle,
)

__all__ = [
    "KINDS",
    "REPORT_KINDS",
    "REQUIRED_KINDS",
    "SBOM_FILE",
    "Check",
    "PublicKey",
    "Signer",
    "SigningKey",
    "Statement",
    "VerificationReport",
    "believed_reports",
    "canonical",
    "digest_of",
    "digest_of_files",
    "load_signing_key",
    "load_trusted_keys",
    "make_signing_key",
    "manifest_of",
    "manifest_predicate",
    "read_evidence",
    "report_predicate",
    "sbom_of",
    "sha256_of",
    "sign_statement",
    "statement_path",
    "strict_json",
    "training_predicate",
    "trust",
    "verify_bundle",
    "verify_envelope",
]
