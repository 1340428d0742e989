"""Raft under a key-value store."""
