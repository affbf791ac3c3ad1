"""Conditions of Azure Pipelines, evaluated: the functions and references this project's pipelines use, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["FUNCTIONS", "holds"]

WORD = re.compile(
    r"\s*(?:'([^']*)'|variables\['([^']*)'\]|dependencies\.(\w+)\.(result|outputs\['([^']*)'\])|(\w+)\(|([,)]))"
)


def _same(left: Any, right: Any) -> bool:
    return str(left).lower() == str(right).lower()


FUNCTIONS: Mapping[str, Callable[[list[Any], Mapping[str, str]], bool]] = {
    "always": lambda _, __: True,
    "and": lambda given, _: all(given),
    "or": lambda given, _: any(given),
    "not": lambda given, _: not given[0],
    "eq": lambda given, _: _same(given[0], given[1]),
    "ne": lambda given, _: not _same(given[0], given[1]),
    "in": lambda given, _: any(_same(given[0], one) for one in given[1:]),
    "succeeded": lambda _, results: all(one in {"Succeeded", "SucceededWithIssues"} for one in results.values()),
    "failed": lambda _, results: "Failed" in results.values(),
    "succeededOrFailed": lambda _, results: "Skipped" not in results.values(),
}


def holds(condition: str, variables: Mapping[str, str], results: Mapping[str, str], outputs: Mapping[str, str]) -> bool:
    """Whether a condition lets its stage, job or step run.

    Args:
        condition: `and(succeeded(), ne(variables['Build.Reason'], 'PullRequest'))`.
        variables: by name.
        results: of what it depends on, by name.
        outputs: output variables, by `stage.job.step.variable`.

    Raises:
        ValueError: a function or reference that is not known.
    """
    words = []
    place = 0
    while place < len(condition.rstrip()):
        found = WORD.match(condition, place)
        if found is None or (found[6] and found[6] not in FUNCTIONS):
            raise ValueError(f"condition {condition!r}: {condition[place:]!r} is not known")
        words.append(found)
        place = found.end()

    def value() -> Any:
        word = words.pop(0)
        literal, variable, stage, what, output, function, _ = word.groups()
        if literal is not None:
            return literal
        if variable is not None:
            return variables.get(variable, "")
        if stage is not None:
            return results.get(stage, "") if what == "result" else outputs.get(f"{stage}.{output}", "")
        given = []
        while words[0][7] != ")":
            if words[0][7] == ",":
                words.pop(0)
            given.append(value())
        words.pop(0)
        return FUNCTIONS[function](given, results)

    return bool(value())
