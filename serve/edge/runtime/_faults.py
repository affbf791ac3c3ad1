"""What can go wrong on a device, with the exit codes and the words every command of this project uses."""

from __future__ import annotations

from typing import Any

__all__ = ["BrokenFault", "Fault", "RefusedFault", "StorageFault", "UsageFault"]


class Fault(Exception):
    """The base: one sentence, where it was found, what is legal, what to do next."""

    exit_code, kind = 1, "HomologateError"

    def __init__(
        self, problem: str, *, place: str | None = None, legal: str | None = None, next_command: str | None = None
    ) -> None:
        self.problem, self.place, self.legal, self.next_command = problem, place, legal, next_command
        super().__init__(problem)

    def __str__(self) -> str:
        notes = {"where": self.place, "legal": self.legal, "next": self.next_command}
        return "\n".join([self.problem, *(f"  {name}: {note}" for name, note in notes.items() if note)])

    def as_json(self) -> dict[str, Any]:
        """The one error shape."""
        return {
            "error": {
                "type": self.kind,
                "message": self.problem,
                "place": self.place,
                "legal": self.legal,
                "next": self.next_command,
            }
        }


class UsageFault(Fault):
    """A wrong argument or a wrong question."""

    exit_code, kind = 2, "UsageError"


class StorageFault(Fault):
    """A disk or a store that will not take or give bytes."""

    exit_code, kind = 5, "StorageError"


class BrokenFault(Fault):
    """The package cannot answer, or answers its golden probe wrongly."""

    exit_code, kind = 6, "ModelError"


class RefusedFault(Fault):
    """The package is not what a trusted key signed."""

    exit_code, kind = 7, "RefusedError"
