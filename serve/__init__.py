"""Serving: put the Production version in front of people and programs.

This room may import `homologate`; it never imports `registry_promotion`.
"""
