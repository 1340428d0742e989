"""Strategies that merge states: each state of a scenario is looked at once."""
