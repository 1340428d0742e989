"""Systematic exploration: what can happen next is searched instead of drawn."""
