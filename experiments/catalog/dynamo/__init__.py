"""The many-leader key-value store."""
