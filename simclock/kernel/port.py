"""What the parts of a host ask of it, and of the processes on it: a process that sends, a gate, a strike of a fault.

Law: they know this port and never the host, so that imports point one way: the host imports them all. It is for who
reads and for mypy alone; what they are given is the host and the process themselves, and a call costs what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any, Protocol

from simclock.environment.disk import Disk, DiskModel
from simclock.environment.latency import Sampled
from simclock.environment.network import Delays, Links, Network
from simclock.environment.quartz import Clocks, PhysicalClock
from simclock.faults import Fault
from simclock.kernel.core import EventQueue
from simclock.kernel.events import Event
from simclock.kernel.gate import Gate
from simclock.trace import Trace


class ProcessPort(Protocol):
    """What is asked of a process; `Process` says what each field is."""

    sim_id: int
    sim_up: bool
    sim_count: int
    sim_duplicated: int
    sim_dropped: int
    sim_incarnation: int
    sim_kept: tuple[str, ...]
    sim_ready_ns: int
    sim_timers: dict[Any, Event]
    sim_parked: list[tuple[int, Event]]
    sim_bits: Callable[[int], int]
    sim_loss_bits: Callable[[int], int]
    sim_duplication_bits: Callable[[int], int]
    sim_corruption_bits: Callable[[int], int]
    sim_last_arrival_ns: dict[int, int]
    sim_link_free_ns: dict[int, int]
    sim_latency: Sampled
    sim_clock: PhysicalClock
    sim_disk: Disk
    sim_gate: Gate

    @property
    def sim_host(self) -> HostPort: ...

    @property
    def sim_local(self) -> Container[int]: ...

    def sim_existing_gate(self) -> Gate | None: ...

    def sim_choose_path(self) -> None: ...

    def sim_run_timer(self, goal_ns: int, event: Event) -> None: ...

    def on_message(self, source: int, message: Any) -> None: ...

    def on_timer(self, timer: Any) -> None: ...


class HostPort(Protocol):
    """What is asked of a host; `Host` says what each field is."""

    number: int
    seed: int
    nodes: int
    now_ns: int
    lookahead_ns: int
    network: Network
    delays: Delays
    links: Links
    clocks: Clocks
    clocks_differ: bool
    disk_model: DiskModel
    clogged: dict[tuple[int, int], list[Event]]
    queue: EventQueue
    trace: Trace | None
    message_types: set[type]
    canonical: bool

    @property
    def processes(self) -> Mapping[int, ProcessPort]: ...

    # What processes, sending and gates call.

    def admit(self, process: ProcessPort, target: int, message: Any) -> None: ...

    def encode_canonically(self) -> None: ...

    def send_away(self, event: Event) -> None: ...

    def drop(self, process: ProcessPort, event: Event, reason: str) -> None: ...

    def record(self, process: ProcessPort, event: Event) -> None: ...

    def observed(self, time_ns: int, node: int, number: int, name: str, value: Any) -> None: ...

    def handle(self, process: ProcessPort, event: Event) -> None: ...

    def count_altered(self) -> None: ...

    def count_waiting(self) -> None: ...

    # What strikes call.

    def start(self, process: ProcessPort, event: Event) -> None: ...

    def keep_fallen(self, process: ProcessPort) -> None: ...

    def record_fault(self, process: ProcessPort, event: Event) -> None: ...

    def count_fault(self) -> None: ...

    def count_effect(self, fault: Fault) -> None: ...

    def count_lost_writes(self) -> None: ...

    @property
    def faults_struck(self) -> int: ...
