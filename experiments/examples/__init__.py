"""Small scenarios to read: what a protocol looks like, and what goes wrong."""
