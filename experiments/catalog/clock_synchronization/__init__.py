"""Clocks that are set right."""
