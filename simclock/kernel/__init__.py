"""The kernel: what decides."""
