"""Azure Pipelines files, read as the service reads them: templates expanded, every scalar a string.

Only what this project's files use is known here; anything else is an error, so that nothing passes unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = ["Script", "expanded", "scripts"]

EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


@dataclass(frozen=True)
class Script:
    """One script step, in the order the service would run it.

    Attributes:
        stage: its stage.
        job: its job.
        title: what people see.
        text: the bash it runs, macros not yet replaced.
        azure: whether it runs logged in as the service connection.
        on_failure: whether it runs only after a failure.
    """

    stage: str
    job: str
    title: str
    text: str
    azure: bool
    on_failure: bool


def expanded(file: Path, **parameters: str) -> dict[str, Any]:
    """A pipeline with its templates in place, run with `parameters`.

    Raises:
        ValueError: a template that is not there, a parameter nobody declared, or an expression not known here.
    """
    raw = _read(file)
    given = {one["name"]: one.get("default", "") for one in raw.pop("parameters", [])} | parameters
    pipeline: dict[str, Any] = _expand(raw, given, file)
    return pipeline


def scripts(pipeline: Mapping[str, Any]) -> list[Script]:
    """Every script of a pipeline, in order."""
    return [
        script
        for stage in pipeline["stages"]
        for job in stage["jobs"]
        for steps, on_failure in _steps_of(job)
        for step in steps
        if (script := _script(stage["stage"], job.get("job") or job["deployment"], step, on_failure))
    ]


def _read(file: Path) -> dict[str, Any]:
    # The base loader makes strings and nothing else; it cannot be led to build objects.
    raw: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    return raw


def _steps_of(job: Mapping[str, Any]) -> Iterator[tuple[list[dict[str, Any]], bool]]:
    if "steps" in job:
        yield job["steps"], False
        return
    once = job["strategy"]["runOnce"]
    yield once["deploy"]["steps"], False
    if "on" in once:
        yield once["on"]["failure"]["steps"], True


def _script(stage: str, job: str, step: Mapping[str, Any], on_failure: bool) -> Script | None:
    title = step.get("displayName", "")
    if "bash" in step:
        return Script(stage, job, title, step["bash"], False, on_failure)
    if step.get("task", "").startswith("AzureCLI@"):
        return Script(stage, job, title, step["inputs"]["inlineScript"], True, on_failure)
    return None


def _expand(value: Any, given: Mapping[str, Any], file: Path) -> Any:
    if isinstance(value, list):
        return [one for item in value for one in _expand_item(item, given, file)]
    if isinstance(value, dict):
        return {name: _expand(one, given, file) for name, one in value.items()}
    return _evaluated(value, given, file)


def _expand_item(item: Any, given: Mapping[str, Any], file: Path) -> list[Any]:
    """One entry of a list: itself, what a template holds, or what a condition lets through."""
    if isinstance(item, dict) and "template" in item:
        return _template(item, given, file)
    if isinstance(item, dict) and len(item) == 1:
        [(name, body)] = item.items()
        condition = re.fullmatch(r"\$\{\{\s*if parameters\.(\w+)\s*\}\}", name)
        if condition:
            chosen = _known(condition[1], given, file) in {"true", True}
            return list(_expand(body, given, file)) if chosen else []
    return [_expand(item, given, file)]


def _template(item: Mapping[str, Any], given: Mapping[str, Any], file: Path) -> list[Any]:
    inner = file.parent / item["template"]
    if not inner.is_file():
        raise ValueError(f"{file.name}: no template {item['template']!r}")
    raw = _read(inner)
    declared = {one["name"]: one.get("default") for one in raw.pop("parameters", [])}
    passed = _expand(item.get("parameters", {}), given, file)
    if unknown := passed.keys() - declared.keys():
        raise ValueError(f"{file.name}: {inner.name} has no parameter {sorted(unknown)[0]!r}")
    values = {**declared, **passed}
    if missing := [name for name, value in values.items() if value is None]:
        raise ValueError(f"{file.name}: {inner.name} needs the parameter {missing[0]!r}")
    [(_, entries)] = raw.items()
    return list(_expand(entries, values, inner))


def _evaluated(text: str, given: Mapping[str, Any], file: Path) -> str:
    def value(found: re.Match[str]) -> str:
        name = re.fullmatch(r"parameters\.(\w+)", found[1])
        if name is None:
            raise ValueError(f"{file.name}: the expression {found[0]!r} is not known")
        return str(_known(name[1], given, file))

    return EXPRESSION.sub(value, text)


def _known(name: str, given: Mapping[str, Any], file: Path) -> Any:
    if name not in given:
        raise ValueError(f"{file.name}: no parameter {name!r}; declared: {', '.join(given) or 'none'}")
    return given[name]
