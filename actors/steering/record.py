"""What is written down of a steered run: a digest for each node, and a trace like any other run's."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from simclock.actors.steering.pending import Pending
from simclock.actors.steering.steps import Crash, Restart, Step, TornCrash
from simclock.faults import Crash as CrashFault
from simclock.faults import Fault
from simclock.faults import Restart as RestartFault
from simclock.faults import TornCrash as TornCrashFault
from simclock.kernel.encoding import encode_canonically
from simclock.kernel.events import DIGEST_BYTES, ENVIRONMENT, FAULT, MESSAGE, OBSERVATION, START, TIMER, Event
from simclock.kernel.mail import Observation
from simclock.trace import Trace, TraceRecord


class Recorder:
    """Keeps the digests and the trace of one run."""

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        self.timers: dict[tuple[int, Any], int] = {}
        """(node, timer) -> the running number of its setting."""
        self.faults: list[Fault] = []
        self.events = 0
        self.counters: dict[str, int] = {}
        self._hashes = [blake2b(digest_size=DIGEST_BYTES) for _ in range(nodes)]
        self._whole = blake2b(digest_size=DIGEST_BYTES)
        self._trace = Trace()
        self._records: list[TraceRecord] = []
        self._arrived_ns: dict[tuple[int, int], int] = {}
        self._struck = 0

    def copy(self) -> Recorder:
        """The same again, for a world that goes its own way."""
        twin = object.__new__(Recorder)
        twin.__dict__.update(self.__dict__)
        twin._take()
        twin.timers, twin.faults, twin.counters = dict(self.timers), list(self.faults), dict(self.counters)
        twin._hashes = [each.copy() for each in self._hashes]
        twin._whole = self._whole.copy()
        twin._records, twin._arrived_ns = list(self._records), dict(self._arrived_ns)
        twin._trace = self._trace.copy()
        return twin

    def started(self, now_ns: int, node: int, count: int) -> None:
        """A node was built, and begins."""
        self._handled("start", node, (now_ns, ENVIRONMENT, count, node, START, None))

    def sent(self, now_ns: int, each: Pending) -> None:
        """A node sent a message."""
        self._count("sent")
        self._trace.sent(each.source, now_ns, (now_ns, each.source, each.sequence, each.target, MESSAGE, each.message))

    def delivered(self, now_ns: int, each: Pending) -> None:
        """A message arrives."""
        self._arrived_ns.setdefault((each.source, each.sequence), now_ns)
        event = (now_ns, each.source, each.sequence, each.target, MESSAGE, each.message)
        self._handled("messages", each.target, event)

    def dropped(self, now_ns: int, each: Pending) -> None:
        """A message is lost."""
        self._count("dropped_lost")
        event = (now_ns, each.source, each.sequence, each.target, MESSAGE, each.message)
        self._trace.dropped(each.target, now_ns, event, "lost")

    def fired(self, now_ns: int, node: int, sequence: int, name: Any) -> None:
        """A timer runs out."""
        self._handled("timer", node, (now_ns, node, sequence, node, TIMER, name))

    def struck(self, now_ns: int, node: int, step: Step) -> None:
        """Something outside the protocol happens to a node."""
        if isinstance(step, Restart):
            self._struck += 1
            self.faults.append(RestartFault(at_ns=now_ns, node=node))
            self.started(now_ns, node, self.nodes + self._struck)
            return
        fault: Any = str(step)
        if isinstance(step, Crash):
            fault = CrashFault(at_ns=now_ns, node=node)
        elif isinstance(step, TornCrash):
            fault = TornCrashFault(at_ns=now_ns, node=node)
        if not isinstance(fault, str):
            self.faults.append(fault)
        self._struck += 1
        self._whole.update(str(step).encode())
        event = (now_ns, ENVIRONMENT, self.nodes + self._struck, ENVIRONMENT, FAULT, fault)
        self._count("fault")
        self.events += 1
        self._trace.handled(node, event)

    def environment(self, now_ns: int, step: Step) -> None:
        """Something happens to no node in particular."""
        self._whole.update(f"{now_ns} {step}".encode())
        self._struck += 1
        event = (now_ns, ENVIRONMENT, self.nodes + self._struck, ENVIRONMENT, FAULT, str(step))
        self._trace.handled(ENVIRONMENT, event)

    def observed(self, observation: Observation) -> None:
        """A node told the observers something."""
        time_ns, node, number, name, value = observation
        self._handled("observation", node, (time_ns, node, number, node, OBSERVATION, (name, value)))

    def _handled(self, what: str, node: int, event: Event) -> None:
        self._count(what)
        self.events += 1
        self._hashes[node].update(encode_canonically(event))
        self._trace.handled(node, event)

    def _count(self, what: str) -> None:
        self.counters[what] = self.counters.get(what, 0) + 1

    # What is left of it.

    def node_digests(self) -> tuple[str, ...]:
        """Over what each node handled and told."""
        return tuple(each.hexdigest() for each in self._hashes)

    def digest(self) -> str:
        """Over all of it, and what the environment did."""
        whole = self._whole.copy()
        for each in self._hashes:
            whole.update(each.digest())
        return whole.hexdigest()

    def trace(self) -> list[TraceRecord]:
        """In canonical order; a send knows when its message arrived, and has None where it did not."""
        self._take()
        known = [
            each._replace(arrives_ns=self._arrived_ns.get((each.source, each.sequence)))
            if each.what == "send"
            else each
            for each in self._records
        ]
        return sorted(known, key=lambda record: record[:3])

    def _take(self) -> None:
        self._records = [*self._records, *self._trace.take()]
