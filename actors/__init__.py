"""EXECUTES: nodes, messages, and the placements where hosts live."""

from actors.message import Message
from actors.node import Node
from actors.run import Placement, run

__all__ = ["Message", "Node", "Placement", "run"]
