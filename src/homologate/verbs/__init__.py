"""One file a verb: arguments, run, show (see `homologate.commands`). Heavy imports happen inside `run`."""
