"""Scenarios in files: TOML, and Python of a user's own."""
