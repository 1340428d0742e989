"""What happens to a node's process: it dies, comes back, stands still, or gets slow."""

from __future__ import annotations

from typing import ClassVar

from simclock.durations import format_duration
from simclock.faults.fault import NodeFault, duration_problem


class Crash(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """The node stops at once; what its disk had not synced is lost. No effect on a node that is down."""

    kind: ClassVar[str] = "crash"
    struck: ClassVar[str] = "crashed"


CRASHED = Crash.struck
"""In place of a node: the one that a fault crashed last."""


class TornCrash(Crash, frozen=True, kw_only=True, array_like=True, tag=True):
    """A crash in the middle of writing: of what was not synced, a prefix has reached the disk all the same.

    How long a prefix, and whether its last operation is torn, are drawn from a stream of the node and the instant; a
    torn record or value reads as `Corrupt`.
    """

    kind: ClassVar[str] = "torn-crash"


class Restart(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """The node is built anew and starts from what its disk kept. No effect on a node that is up."""

    kind: ClassVar[str] = "restart"


class Pause(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """The process stands still, as in a long garbage collection, while its clock goes on.

    Messages and timers that come due wait, and are handled in key order when it resumes. A crash ends the pause and
    loses what waits. No effect on a node that is down or paused.
    """

    kind: ClassVar[str] = "pause"
    struck: ClassVar[str] = "paused"


class Resume(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """A paused process goes on. No effect on one that is not paused."""

    kind: ClassVar[str] = "resume"


class SlowNode(NodeFault, frozen=True, kw_only=True, array_like=True, tag=True):
    """From now on handling a message or a timer takes the node `busy_ns`; 0 makes it fast again.

    While it is busy, what comes due waits its turn; what a handler sends leaves when the handling is over. The machine
    is slow, not the process: a restart does not mend it.
    """

    kind: ClassVar[str] = "slow-node"
    struck: ClassVar[str] = "slowed"
    busy_ns: int

    def problem(self) -> str:
        return duration_problem("busy", self.busy_ns)

    def describe(self) -> str:
        return f"{super().describe()}, {format_duration(self.busy_ns)} an event"
