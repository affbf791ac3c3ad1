"""Every error a user of Homologate can meet, and the exit code each one ends a command with.

    HomologateError                 1   something we did not foresee
    ├── UsageError                  2   a wrong argument, setting or configuration file
    ├── DataError                   3   rows, files or reports that are not what they must be
    ├── TrackingError               4   the MLflow server is dead, slow, or refuses us
    ├── StorageError                5   a disk or an artifact store that will not take or give bytes
    ├── ModelError                  6   a model directory that is missing, broken or not the one named
    ├── RefusedError                7   the gate, a policy or a verification said no
    └── ServiceError                8   a local service would not start, or is not the one expected

`homologate monitor` ends with 9 where production has drifted and with 10 where nobody can tell: answers, not errors.
An interrupted command (Ctrl-C, SIGTERM) ends with 130.

An error names the value, the place, the legal values and the next command. No exception of a library leaves a
command: what can be foreseen is turned into one of these where it happens.

Nothing but the standard library may be imported here: every other file imports this one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = [
    "CANNOT_TELL",
    "DRIFTED",
    "INTERRUPTED",
    "DataError",
    "HomologateError",
    "ModelError",
    "RefusedError",
    "ServiceError",
    "StorageError",
    "TrackingError",
    "UsageError",
]

INTERRUPTED = 130
"""Exit code of a command that was interrupted (128 + SIGINT, as shells count)."""


DRIFTED = 9
"""Exit code of `homologate monitor`: a window has drifted."""
CANNOT_TELL = 10
"""Exit code of `homologate monitor`: no window has drifted, and one could not be judged."""


class HomologateError(Exception):
    """The base of every error of this project.

    Args:
        problem: one sentence that names the offending value.
        place: where it was found (`file.csv, line 12, column 'label'`).
        legal: the values that would have been accepted.
        next_command: the command or action that leads on.
    """

    exit_code = 1

    def __init__(
        self,
        problem: str,
        *,
        place: str | None = None,
        legal: Iterable[object] | str | None = None,
        next_command: str | None = None,
    ) -> None:
        self.problem = problem
        self.place = place
        self.legal = legal if legal is None or isinstance(legal, str) else ", ".join(map(str, legal))
        self.next_command = next_command
        super().__init__(problem)

    def __str__(self) -> str:
        lines = [self.problem]
        if self.place:
            lines.append(f"  where: {self.place}")
        if self.legal:
            lines.append(f"  legal: {self.legal}")
        if self.next_command:
            lines.append(f"  next:  {self.next_command}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.problem, self.place, self.legal, self.next_command)

    def as_json(self) -> dict[str, Any]:
        """The one error shape of every command and endpoint."""
        return {
            "error": {
                "type": type(self).__name__,
                "message": self.problem,
                "place": self.place,
                "legal": self.legal,
                "next": self.next_command,
            }
        }


def _rebuild(
    kind: type[HomologateError], problem: str, place: str | None, legal: str | None, next_command: str | None
) -> HomologateError:
    return kind(problem, place=place, legal=legal, next_command=next_command)


class UsageError(HomologateError):
    """A wrong argument, setting or configuration file."""

    exit_code = 2


class DataError(HomologateError):
    """Rows, files or reports that are not what they must be."""

    exit_code = 3


class TrackingError(HomologateError):
    """The MLflow server is dead, slow, or refuses us."""

    exit_code = 4


class StorageError(HomologateError):
    """A disk or an artifact store that will not take or give bytes."""

    exit_code = 5


class ModelError(HomologateError):
    """A model directory that is missing, broken or not the one named."""

    exit_code = 6


class RefusedError(HomologateError):
    """The gate, a policy or a verification said no."""

    exit_code = 7


class ServiceError(HomologateError):
    """A local service would not start, or is not the one expected."""

    exit_code = 8
