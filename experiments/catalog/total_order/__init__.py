"""A totally ordered chat."""
