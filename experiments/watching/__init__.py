"""Watching a run while it goes."""
