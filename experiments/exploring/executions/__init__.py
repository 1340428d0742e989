"""Strategies that keep no states: one execution after another, of nodes or of a message program."""
