"""Lab db-17: Raft, with elections, proposals and cut links.

The servers are this project's Raft, with the lab's timing in place of its own, and without the no-op entry, which the
lab does not know. The dump is what every server holds at the end.

The lab's order of work, and how the kernel comes to keep it. Tick t is the virtual time from t to t + 1, times TICK_NS:

    lab                                              here
    (1) proposals that are due are enqueued,         the driver, a node of its own, decides at DECIDED of the tick
    (2) the leader proposes what is pending            before, and its message arrives when the tick begins
    (3) what is due is delivered                     messages of servers arrive at ARRIVED of their tick
    (4) every node ticks, in ascending order         timers run out at TICKED; at one instant, the kernel goes by node
    the leader: highest term, then lowest id         a server tells the driver when it leads and when it no longer
                                                       does; that arrives at TOLD, before the driver decides

Servers meet by messages alone, which take a tick or more, so nothing else can tell the two orders apart.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from simclock import Cut, Network, RunResult, Scenario, UsageError, ms
from simclock.actors import Message, Node, Placement, run
from simclock.experiments.labs.splitmix import MASK, VARIANT, splitmix64
from simclock.protocols.raft import RaftServer, RaftSettings, Role
from simclock.protocols.replication import CommandsAlone

TICK_NS = ms(1)
ARRIVED_NS = TICK_NS // 4
TICKED_NS = TICK_NS // 2
TOLD_NS = TICK_NS * 3 // 4
DECIDED_NS = TICK_NS * 7 // 8

ELECTION_TICKS = 150
"""An election timeout is so many ticks, and up to as many more but one."""
HEARTBEAT_TICKS = 50
DELAYS = 3
"""A message takes 1 to 3 ticks."""
NO_VOTE = -1


@dataclass(frozen=True, kw_only=True)
class DrawnDelay:
    """The lab's latency between servers, and the paths to and from the driver."""

    model: ClassVar[str] = "db-17"
    everywhere_uniform: ClassVar[None] = None
    seed: int
    servers: int

    def check(self, nodes: int) -> None:
        if nodes != self.servers + 1:
            raise UsageError(f"network: lab db-17 was set up for {self.servers} servers and a driver")

    def delay_ns_min(self, nodes: int) -> int:
        return TICK_NS - DECIDED_NS

    def sample_ns(self, source: int, target: int, now_ns: int, bits: object) -> int:
        tick = now_ns // TICK_NS
        if source == self.servers:
            arrival_ns = (tick + 1) * TICK_NS
        elif target == self.servers:
            arrival_ns = tick * TICK_NS + TOLD_NS
        else:
            delay = 1 + splitmix64(self.seed ^ source ^ target ^ tick, VARIANT) % DELAYS
            arrival_ns = (tick + delay) * TICK_NS + ARRIVED_NS
        return arrival_ns - now_ns

    def __str__(self) -> str:
        return "1..3 ticks as lab db-17 draws them"


class Proposals(Message):
    """The driver to the leader: commands that clients want in the log."""

    commands: tuple[bytes, ...]


class Leads(Message):
    """A server to the driver: it is leader of a term."""

    term: int


class LeadsNoMore(Message):
    """A server to the driver: it was leader."""


class LabMachine(CommandsAlone):
    """The lab applies nothing."""

    def apply(self, command: bytes) -> bytes:
        return b""


class LabServer(RaftServer):
    """This project's Raft with the lab's clock: ticks, and deadlines that are drawn from (seed, node, tick)."""

    def __init__(self, settings: RaftSettings, lab_seed: int) -> None:
        super().__init__(settings, LabMachine())
        self.lab_seed = lab_seed

    def on_message(self, source: int, message: Any) -> None:
        if not isinstance(message, Proposals):
            super().on_message(source, message)
            return
        for command in message.commands:
            self.propose(command)

    def _become_leader(self) -> None:
        super()._become_leader()
        self.send(self.nodes - 1, Leads(self.current_term))

    def _become_follower(self, term: int) -> None:
        was_leader = self.role is Role.LEADER
        super()._become_follower(term)
        if was_leader:
            self.send(self.nodes - 1, LeadsNoMore())

    def _election_timeout_ns(self) -> int:
        tick = self.clock.monotonic_ns() // TICK_NS
        drawn = splitmix64(self.lab_seed ^ self.id ^ tick, VARIANT) % ELECTION_TICKS
        return self._until_ns(tick + ELECTION_TICKS + drawn)

    def _heartbeat_ns(self) -> int:
        return self._until_ns(self.clock.monotonic_ns() // TICK_NS + HEARTBEAT_TICKS)

    def _until_ns(self, tick: int) -> int:
        """From now until the nodes tick in that tick."""
        return tick * TICK_NS + TICKED_NS - self.clock.monotonic_ns()


class Driver(Node):
    """Hands out the proposals, each in its tick or as soon as there is a leader."""

    def __init__(self, rounds: int, proposals: int) -> None:
        self.due = [((i + 1) * rounds // (proposals + 1), b"cmd-%d" % i) for i in range(proposals)]
        """(tick, command), what is still to come, in order."""
        self.pending: list[bytes] = []
        self.leaders: dict[int, int] = {}
        """Server -> the term it leads."""

    def on_start(self) -> None:
        self._enqueue(0)
        self._wait_for_next()

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Leads(term):
                self.leaders[source] = term
            case LeadsNoMore():
                del self.leaders[source]
        if self.pending:
            self.set_timer("decide", DECIDED_NS - TOLD_NS)

    def on_timer(self, timer: str) -> None:
        self._enqueue(self.clock.monotonic_ns() // TICK_NS + 1)
        if self.pending and self.leaders:
            leader = min(self.leaders, key=lambda server: (-self.leaders[server], server))
            self.send(leader, Proposals(tuple(self.pending)))
            self.pending.clear()
        self._wait_for_next()

    def _enqueue(self, tick: int) -> None:
        while self.due and self.due[0][0] <= tick:
            self.pending.append(self.due.pop(0)[1])

    def _wait_for_next(self) -> None:
        """Decide at the end of the tick before the next proposal is due; a new leader is an earlier reason."""
        if self.due:
            decided_ns = (self.due[0][0] - 1) * TICK_NS + DECIDED_NS
            self.set_timer("decide", decided_ns - self.clock.monotonic_ns())


class Held(NamedTuple):
    """What a server holds at the end."""

    current_term: int
    voted_for: int | None
    role: int
    commit_index: int
    log: tuple[tuple[int, bytes], ...]


def held_by(node: Any) -> Held | None:
    """What is kept of a node; None of the driver."""
    if not isinstance(node, RaftServer):
        return None
    entries = node.log.entries_from(1, node.log.last_index)
    log = tuple((entry.term, entry.command) for entry in entries)
    return Held(node.current_term, node.voted_for, int(node.role), node.commit_index, log)


def db17(seed: int, nodes: int, rounds: int, proposals: int, partition: tuple[tuple[int, int], ...] = ()) -> Scenario:
    """The lab as a scenario; `partition` are the links, from and to, that are cut for the whole run."""
    if type(seed) is not int or not 0 <= seed <= MASK:
        raise UsageError(f"seed: {seed!r} is not a seed of the lab: a whole number from 0 to 2**64 - 1")
    if type(nodes) is not int or nodes < 1:
        raise UsageError(f"nodes: {nodes!r} is not a number of servers: 1 or more")
    if type(rounds) is not int or rounds < 0:
        raise UsageError(f"rounds: {rounds!r} is not a number of rounds: 0 or more")
    if type(proposals) is not int or proposals < 0:
        raise UsageError(f"proposals: {proposals!r} is not a number of proposals: 0 or more")
    for link in partition:
        if not all(type(node) is int and 0 <= node < nodes for node in link):
            raise UsageError(f"partition: {link} is not a link between two of the nodes 0 to {nodes - 1}")
    settings = RaftSettings(
        servers=tuple(range(nodes)),
        election_timeout_ns_min=ELECTION_TICKS * TICK_NS,
        election_timeout_ns_max=(2 * ELECTION_TICKS - 1) * TICK_NS,
        heartbeat_ns=HEARTBEAT_TICKS * TICK_NS,
        no_op=False,
    )
    return Scenario(
        name="lab-db-17",
        seed=seed,
        nodes=nodes + 1,
        build=lambda node: LabServer(settings, seed) if node < nodes else Driver(rounds, proposals),
        duration_ns=max(1, rounds * TICK_NS),
        network=Network(latency=DrawnDelay(seed=seed, servers=nodes)),
        faults=tuple(Cut(at_ns=0, source=source, target=target) for source, target in partition),
        final=held_by,
        parameters={"rounds": rounds, "proposals": proposals},
    )


def dump(result: RunResult) -> bytes:
    """The lab's canonical bytes of a finished run."""
    servers = [(node, held) for node, held in result.final.items() if held is not None]
    return b"DSERAFT1" + struct.pack("<I", len(servers)) + b"".join(_dump_of(*each) for each in servers)


def _dump_of(node: int, held: Held) -> bytes:
    voted_for = NO_VOTE if held.voted_for is None else held.voted_for
    head = struct.pack("<IQqBQI", node, held.current_term, voted_for, held.role, held.commit_index, len(held.log))
    return head + b"".join(struct.pack("<QI", term, len(command)) + command for term, command in held.log)


def run_db17(  # noqa: PLR0917 - the lab's arguments, in the lab's order
    seed: int,
    nodes: int,
    rounds: int,
    proposals: int,
    partition: tuple[tuple[int, int], ...] = (),
    placement: Placement | str = "inline",
) -> bytes:
    """Run the lab and give its dump; the same bytes on every placement."""
    replay = f"simclock lab db-17 --seed {seed} --nodes {nodes} --rounds {rounds} --proposals {proposals}"
    if partition:
        replay += " --partition " + ",".join(f"{source},{target}" for source, target in partition)
    return dump(run(db17(seed, nodes, rounds, proposals, partition), placement, replay=replay))
