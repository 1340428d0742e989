"""Causal broadcast."""
