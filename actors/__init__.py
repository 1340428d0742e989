"""EXECUTES: nodes, messages, and the placements where hosts live."""

from simclock.actors.message import Message
from simclock.actors.node import Node
from simclock.actors.run import Placement, run

__all__ = ["Message", "Node", "Placement", "run"]

if __name__ != "simclock.actors":
    raise ImportError(f"{__name__} would be a second copy of simclock.actors: import that")
