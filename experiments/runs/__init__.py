"""Runs and what is kept of them: sources, seeds, sweeps, results, reports."""
