"""The commands of `simclock`, a module each; `simclock.experiments.command_line` brings them together."""
