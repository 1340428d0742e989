"""Clocks as data types: what a node can carry, compare and read."""
