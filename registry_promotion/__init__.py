"""Promotion: policy, gate, requests and sign-off, ledger, and the MLflow server that enforces them.

This room may import `homologate`; it never imports `serve`.
"""
