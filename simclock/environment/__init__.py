"""The environment: what the simulated world is like."""
