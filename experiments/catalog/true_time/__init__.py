"""TrueTime and commit wait."""
