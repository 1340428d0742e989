"""Global snapshots."""
