"""Logs of other systems as one execution: JSON lines, ShiViz's and other text, OTLP spans, Jepsen's histories."""
