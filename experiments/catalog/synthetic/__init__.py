"""Synthetic loads."""
