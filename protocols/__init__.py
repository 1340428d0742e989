"""ANSWERS: distributed protocols, each a state machine without I/O."""
