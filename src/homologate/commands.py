"""What a command is, and the commands of this room.

A command is a name, a sentence, and the module that does it. The module is imported only when the command is asked
for, so `homologate --help` answers at once. A verb module has three functions and nothing else that is public:

    arguments(parser)       declare typed arguments on an `argparse.ArgumentParser`
    run(args) -> dict       do the work; progress goes to stderr; the returned facts are what `--json` prints
    show(facts) -> str      the same facts for a person, ending with the next command

Nothing but the standard library may be imported here.
"""

from __future__ import annotations

__all__ = ["COMMANDS", "GROUPS", "Command"]

GROUPS = {
    "build": "From rows to a registered version",
    "promote": "From a registered version to Production",
    "serve": "From Production to an answer",
    "watch": "From answers back to rows",
    "house": "This machine",
}
"""The parts of the loop, in order, as `homologate --help` lists them."""


class Command:
    """One verb of the command line.

    Args:
        name: what the user types.
        summary: one sentence for `homologate --help`.
        module: where `arguments`, `run` and `show` live.
        group: one of `GROUPS`.
    """

    __slots__ = ("group", "module", "name", "summary")

    def __init__(self, name: str, summary: str, module: str, group: str) -> None:
        if group not in GROUPS:
            raise ValueError(f"command {name!r} names group {group!r}; legal: {', '.join(GROUPS)}")
        self.name, self.summary, self.module, self.group = name, summary, module, group


COMMANDS = (
    Command("prepare", "Read, check and split the rows; store the split.", "homologate.verbs.prepare", "build"),
    Command("train", "Fine-tune the classifier on a stored split.", "homologate.verbs.train", "build"),
    Command("tune", "Search for better training settings on a stored split.", "homologate.verbs.tune", "build"),
    Command(
        "export", "Make the ONNX model directory and prove it answers as torch did.", "homologate.verbs.export", "build"
    ),
    Command("evaluate", "Judge the ONNX bytes on the stored test items.", "homologate.verbs.evaluate", "build"),
    Command("explain", "Report what the ONNX bytes decide on.", "homologate.verbs.explain", "build"),
    Command("register", "Register the judged directory as a version.", "homologate.verbs.register", "build"),
    Command("main", "Run every step above, reusing what has not changed.", "homologate.verbs.main", "build"),
    Command(
        "reproduce",
        "Train a registered version again from its provenance and compare.",
        "homologate.verbs.reproduce",
        "build",
    ),
    Command("score", "Score a file of rows with a registered version.", "homologate.verbs.score", "serve"),
    Command("up", "Start the gated MLflow server and the endpoint on this machine.", "homologate.verbs.up", "house"),
    Command("down", "Stop what `up` started.", "homologate.verbs.down", "house"),
    Command("where", "Say where the server, the model and the reports are.", "homologate.verbs.where", "house"),
    Command("as", "Run a command as an account of this machine's server.", "homologate.verbs.run_as", "house"),
    Command("people", "Add, list and remove the people of the MLflow server.", "homologate.verbs.people", "house"),
    Command("settings", "Print the settings in force, or their schema.", "homologate.verbs.settings", "house"),
)
