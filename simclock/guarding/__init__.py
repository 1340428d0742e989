"""The determinism guard."""
