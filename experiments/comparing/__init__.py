"""Comparing: what the same scenario costs elsewhere, and whether it is the same."""
