"""Leases, fencing and expiry."""
