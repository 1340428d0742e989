"""Executions in forms that other tools draw: pictures, Mermaid, Graphviz, ShiViz, Perfetto, OpenTelemetry, JSON."""
