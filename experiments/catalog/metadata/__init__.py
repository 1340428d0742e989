"""What causality costs on the wire."""
