"""Failure detectors."""
