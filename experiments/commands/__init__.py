"""The commands of `simclock`, a module each; `experiments.command_line` brings them together."""
