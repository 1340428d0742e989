"""Executions of any origin as happens-before graphs: who could have known what, and why something happened."""
