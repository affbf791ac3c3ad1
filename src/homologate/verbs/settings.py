"""Print the settings in force as a file to start from, or the JSON schema of that file.

homologate settings > homologate.yaml       every field with its value
homologate settings --schema                every field with its type, range and meaning
"""

from __future__ import annotations

import argparse
from typing import Any

from homologate.verbs._shared import add_settings


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_settings(parser)
    parser.add_argument("--schema", action="store_true", help="print the JSON schema instead")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Return the settings or their schema."""
    from homologate.settings import PRESETS, Settings, TrainingSettings, load_settings

    if args.schema:
        schema = Settings.model_json_schema()
        schema["properties"]["training"]["properties"] = TrainingSettings.model_json_schema()["properties"]
        schema["properties"]["training"]["presets"] = {name: preset.model_dump() for name, preset in PRESETS.items()}
        return schema
    return load_settings(args.settings).model_dump(mode="json")


def show(facts: dict[str, Any]) -> str:
    """The settings as YAML; a schema as JSON."""
    if "properties" in facts:
        import json

        return json.dumps(facts, indent=2)
    import yaml

    return str(yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)).rstrip()
