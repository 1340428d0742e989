"""Stepping by hand: a world in which a reader decides what happens next, with every branch that was tried."""
