"""The `homologate` command: find the verb, run it, print what it found, turn errors into exit codes.

Nothing heavy may be imported here: `homologate --help` is held to four times the start of Python itself
(benchmarks/bench_help.py). That is why the entry points are read from the one file that declares them instead of
through `importlib.metadata`, whose import alone costs three times a bare interpreter.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from homologate.commands import GROUPS, Command

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["declared_commands", "fail", "main", "overview", "parser_of", "run"]

ENTRY_POINT_GROUP = "homologate.commands"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (see `homologate.errors`)."""
    words = list(sys.argv[1:] if argv is None else argv)
    commands = {command.name: command for command in declared_commands()}
    if not words or words[0] in {"-h", "--help", "help"}:
        print(overview(commands))
        return 0
    if words[0] == "--version":
        import importlib.metadata

        print(importlib.metadata.version("homologate"))
        return 0
    name, rest = words[0], words[1:]
    if name not in commands:
        return fail(_unknown(name, commands), as_json="--json" in rest)
    return run(commands[name], rest)


def run(command: Command, words: Sequence[str]) -> int:
    """Parse `words` for `command`, run it, print its facts."""
    import importlib
    import signal

    from homologate.errors import INTERRUPTED, HomologateError

    verb = importlib.import_module(command.module)
    parser = parser_of(command, verb)
    args = parser.parse_args(words)
    # A scheduler's SIGTERM must end a run as KILLED and give back what is held, just as Ctrl-C does.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        facts = verb.run(args)
        if args.json:
            import json

            print(json.dumps(facts, indent=2, default=str))
        else:
            print(verb.show(facts))
    except HomologateError as error:
        return fail(error, as_json=args.json)
    except KeyboardInterrupt:
        print(f"homologate {command.name}: interrupted; nothing half done was kept as finished", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) went away: not a fault of ours, and stdout must not be flushed again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    exit_code = facts.get("exit_code", 0) if isinstance(facts, dict) else 0
    return int(exit_code)


def parser_of(command: Command, verb: Any) -> argparse.ArgumentParser:
    """The argument parser of one verb; its module docstring is the help page."""
    import argparse

    parser = argparse.ArgumentParser(
        prog=f"homologate {command.name}",
        description=verb.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    verb.arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the facts as JSON on stdout")
    return parser


def fail(error: Any, *, as_json: bool) -> int:
    """Print one error the way its reader asked for and return its exit code."""
    if as_json:
        import json

        print(json.dumps(error.as_json(), indent=2))
    print(f"homologate: {error}", file=sys.stderr)
    return int(error.exit_code)


def overview(commands: dict[str, Command]) -> str:
    """What `homologate --help` prints: the verbs in the order of the loop."""
    lines = [
        "Homologate holds the model that judges components to type approval.",
        "",
        "usage: homologate VERB [ARGUMENTS]      (homologate VERB --help teaches one verb; every verb takes --json)",
    ]
    width = max(len(name) for name in commands)
    for group, title in GROUPS.items():
        members = [command for command in commands.values() if command.group == group]
        if members:
            lines += ["", f"{title}:"]
            lines += [f"  {command.name:<{width}}  {command.summary}" for command in members]
    lines += ["", "Start with `make run`; `homologate where` says what it left behind."]
    return "\n".join(lines)


def declared_commands() -> list[Command]:
    """The commands of every room, as declared under `[homologate.commands]` by the installed distribution."""
    import importlib

    commands: list[Command] = []
    for module in _declaring_modules():
        commands += importlib.import_module(module).COMMANDS
    return commands


def _declaring_modules() -> list[str]:
    for folder in sys.path:
        try:
            names = [n for n in os.listdir(folder or ".") if n.startswith("homologate-") and n.endswith(".dist-info")]
        except OSError:
            continue
        for name in names:
            with open(os.path.join(folder, name, "entry_points.txt"), encoding="utf-8") as lines:
                section, modules = "", []
                for line in map(str.strip, lines):
                    if line.startswith("["):
                        section = line.strip("[]")
                    elif section == ENTRY_POINT_GROUP and "=" in line:
                        modules.append(line.partition("=")[2].strip().partition(":")[0])
            return modules
    # Run from a source tree that was never installed: only the lowest room is certain to be there.
    return ["homologate.commands"]


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _unknown(name: str, commands: dict[str, Command]) -> Exception:
    import difflib

    from homologate.errors import UsageError

    close = difflib.get_close_matches(name, commands, n=1)
    return UsageError(
        f"no command {name!r}",
        legal=commands,
        next_command=f"homologate {close[0]} --help" if close else "homologate --help",
    )


if __name__ == "__main__":
    sys.exit(main())
