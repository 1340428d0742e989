"""Placements: where hosts live."""
