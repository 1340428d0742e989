"""The laws of clocks that order events."""
