"""ANSWERS: distributed protocols, each a state machine without I/O."""

if __name__ != "simclock.protocols":
    raise ImportError(f"{__name__} would be a second copy of simclock.protocols: import that")
