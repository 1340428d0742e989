"""Shrinking: from a failing run to the smallest scenario that fails the same way."""
