"""Transactions that lock, and may deadlock."""
