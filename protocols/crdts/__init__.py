"""Data types whose replicas converge (conflict-free replicated data types)."""
