"""Traces: files, differences, and runs that stop where one looks."""
