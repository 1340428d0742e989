"""Seeing a run: a page with its space-time diagram, in one file that works offline."""
