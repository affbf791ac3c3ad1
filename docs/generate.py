"""Write docs/reference.md from the code: every command, setting, entry point and exit code. `make docs` runs it.

`tests/test_docs_are_true.py` fails where the page is not what this program would write.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import yaml

from homologate import errors
from homologate.cli import declared_commands, overview, parser_of
from homologate.commands import GROUPS
from homologate.settings import PRESETS, Settings, TrainingSettings

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference.md"


def page() -> str:
    """The whole page."""
    parts = ["# Reference\n\nWritten by `make docs` from the code; edit the code, not this page."]
    return "\n\n".join([*parts, _commands(), _entry_points(), _settings(), _exit_codes()]) + "\n"


def _commands() -> str:
    commands = declared_commands()
    by_name = {command.name: command for command in commands}
    parts = ["## Commands", f"```text\n{overview(by_name)}\n```"]
    for group, title in GROUPS.items():
        members = [command for command in commands if command.group == group]
        parts += [f"### {title}"] if members else []
        for command in members:
            parser = parser_of(command, importlib.import_module(command.module))
            # Width must not depend on the terminal this is run in.
            parser.formatter_class = _fixed(parser.formatter_class)
            parts.append(f"#### `homologate {command.name}`\n\n```text\n{parser.format_help().rstrip()}\n```")
    return "\n\n".join(parts)


def _entry_points() -> str:
    project = yaml.safe_load((ROOT / "MLproject").read_text(encoding="utf-8"))
    rows = [
        f"| `{name}` | {', '.join(f'`{parameter}`' for parameter in entry['parameters'])} |"
        for name, entry in project["entry_points"].items()
    ]
    return "\n".join(["## MLproject entry points", "", "| entry point | parameters |", "|---|---|", *rows])


def _settings() -> str:
    rows = list(_rows(Settings, ""))
    training = [
        f"| `training.{name}` | {_type(field)} | "
        + " | ".join(f"`{getattr(preset, name)!r}`" for preset in PRESETS.values())
        + f" | {field.description or ''} |"
        for name, field in TrainingSettings.model_fields.items()
    ]
    heads = "| field | type | " + " | ".join(PRESETS) + " | |"
    return "\n".join(
        [
            "## Settings (`homologate.yaml`)",
            "",
            "| field | type | default | |",
            "|---|---|---|---|",
            *rows,
            "",
            "Training settings start from a preset; fields under `training:` override it.",
            "",
            heads,
            "|---|---|" + "---|" * len(PRESETS) + "---|",
            *training,
        ]
    )


def _rows(model: Any, prefix: str) -> Any:
    for name, field in model.model_fields.items():
        if hasattr(field.annotation, "model_fields"):
            yield from _rows(field.annotation, f"{prefix}{name}.")
        else:
            default = field.get_default(call_default_factory=True)
            told = repr(list(default)) if isinstance(default, tuple) else repr(default)
            yield f"| `{prefix}{name}` | {_type(field)} | `{told}` | {field.description or ''} |"


def _type(field: Any) -> str:
    annotation = field.annotation
    told = annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
    limits = [str(limit) for limit in field.metadata if type(limit).__name__ in {"Ge", "Gt", "Le", "Lt"}]
    signs = {"Ge": "≥", "Gt": ">", "Le": "≤", "Lt": "<"}
    for sign, symbol in signs.items():
        limits = [re.sub(rf"{sign}\(\w+=(.*)\)", rf"{symbol} \1", limit) for limit in limits]
    return f"`{told}`".replace("|", "\\|") + (f" {', '.join(limits)}" if limits else "")


def _exit_codes() -> str:
    kinds = sorted([errors.HomologateError, *errors.HomologateError.__subclasses__()], key=lambda kind: kind.exit_code)
    rows = [f"| {kind.exit_code} | `{kind.__name__}` | {(kind.__doc__ or '').splitlines()[0]} |" for kind in kinds]
    last = [
        f"| {errors.DRIFTED} | | `homologate monitor`: a window has drifted. |",
        f"| {errors.CANNOT_TELL} | | `homologate monitor`: no window has drifted, one could not be judged. |",
        f"| {errors.INTERRUPTED} | | Interrupted by Ctrl-C or SIGTERM. |",
    ]
    return "\n".join(["## Exit codes", "", "| code | error | |", "|---|---|---|", "| 0 | | Done. |", *rows, *last])


def _fixed(kind: Any) -> Any:
    return lambda prog: kind(prog, width=110)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
