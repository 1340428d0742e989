"""Clocks among liars."""
