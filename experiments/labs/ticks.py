"""What labs db-17, db-18 and db-19 share: ticks, delays, deadlines, and the node that hands out the proposals.

The lab's order of work, and how the kernel comes to keep it. Tick t is the virtual time from t to t + 1, times TICK_NS:

    lab                                              here
    (1) proposals that are due are enqueued,         the driver, a node of its own, decides at DECIDED of the tick
    (2) the leader proposes what is pending            before, and its message arrives when the tick begins
    (3) what is due is delivered                     messages of servers arrive at ARRIVED of their tick
    (4) every node ticks, in ascending order         timers run out at TICKED; at one instant, the kernel goes by node
    the leader: highest term, then lowest id         a server tells the driver when it leads and when it no longer
      (db-18: lowest id)                               does; that arrives at TOLD, before the driver decides

Servers meet by messages alone, which take a tick or more, so nothing else can tell the two orders apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from simclock import Cut, Network, Scenario, UsageError, ms
from simclock.actors import Message, Node
from simclock.experiments.labs.splitmix import MASK, VARIANT, splitmix64
from simclock.protocols.replication import CommandsAlone, Front, StateMachine

TICK_NS = ms(1)
ARRIVED_NS = TICK_NS // 4
TICKED_NS = TICK_NS // 2
TOLD_NS = TICK_NS * 3 // 4
DECIDED_NS = TICK_NS * 7 // 8

ELECTION_TICKS = 150
"""An election timeout is so many ticks, and up to as many more but one."""
HEARTBEAT_TICKS = 50
TIMEOUTS: dict[str, Any] = {
    "election_timeout_ns_min": ELECTION_TICKS * TICK_NS,
    "election_timeout_ns_max": (2 * ELECTION_TICKS - 1) * TICK_NS,
    "heartbeat_ns": HEARTBEAT_TICKS * TICK_NS,
}
"""The same as settings of an engine."""
DELAYS = 3
"""A message takes 1 to 3 ticks."""


@dataclass(frozen=True, kw_only=True)
class DrawnDelay:
    """The lab's latency between servers, and the paths to and from the driver."""

    model: ClassVar[str] = "db-17"
    """Of the first lab that draws so."""
    everywhere_uniform: ClassVar[None] = None
    seed: int
    servers: int

    def check(self, nodes: int) -> None:
        if nodes != self.servers + 1:
            raise UsageError(f"network: the lab was set up for {self.servers} servers and a driver")

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
    """A server to the driver: it leads."""

    rank: int
    """Of several that lead, the driver takes one with the highest."""


class LeadsNoMore(Message):
    """A server to the driver: it was leader."""


class LabMachine(CommandsAlone):
    """The lab applies nothing."""

    def apply(self, command: bytes) -> bytes:
        return b""


class Driver(Node):
    """Hands out the proposals, each in its tick or as soon as there is a leader."""

    def __init__(self, rounds: int, proposals: int, prefix: bytes) -> None:
        self.due = [((i + 1) * rounds // (proposals + 1), b"%s-%d" % (prefix, i)) for i in range(proposals)]
        """(tick, command), what is still to come, in order."""
        self.pending: list[bytes] = []
        self.leaders: dict[int, int] = {}
        """Server -> its rank."""

    def on_start(self) -> None:
        self._enqueue(0)
        self._wait_for_next()

    def on_message(self, source: int, message: Any) -> None:
        match message:
            case Leads(rank):
                self.leaders[source] = rank
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


class OnTicks(Front):
    """What makes an engine a server of the lab: put before its class, it gives it the lab's clock and the driver.

    Deadlines are drawn from (seed, node, tick).
    """

    def __init__(self, settings: Any, lab_seed: int, state_machine: StateMachine | None = None) -> None:
        super().__init__(settings, state_machine or LabMachine())
        self.lab_seed = lab_seed
        self.driver_knows = False
        """Whether the driver takes this server for a leader."""

    def on_message(self, source: int, message: Any) -> None:
        if not isinstance(message, Proposals):
            super().on_message(source, message)
            return
        for command in message.commands:
            self.propose(command)

    def rank(self) -> int:
        """See `Leads`."""
        return self.current_term

    def on_leading(self) -> None:
        self.driver_knows = True
        self.send(self.nodes - 1, Leads(self.rank()))

    def on_following(self) -> None:
        if self.driver_knows:
            self.driver_knows = False
            self.send(self.nodes - 1, LeadsNoMore())

    def _election_timeout_ns(self) -> int:
        now_ns = self.clock.monotonic_ns()
        return until_ns(deadline_tick(self.lab_seed, self.id, now_ns // TICK_NS), now_ns)


def deadline_tick(seed: int, node: int, tick: int) -> int:
    """When a server that hears nothing from a tick on stops waiting."""
    return tick + ELECTION_TICKS + splitmix64(seed ^ node ^ tick, VARIANT) % ELECTION_TICKS


def until_ns(tick: int, now_ns: int) -> int:
    """From now until the nodes tick in that tick."""
    return tick * TICK_NS + TICKED_NS - now_ns


def on_ticks(
    lab: str,
    server: Callable[[], Node],
    held_by: Callable[[Any], Any],
    prefix: bytes,
    *,
    seed: int,
    nodes: int,
    rounds: int,
    proposals: int,
    partition: tuple[tuple[int, int], ...],
) -> Scenario:
    """A lab as a scenario: servers, and the driver as the last node."""
    return Scenario(
        name=f"lab-{lab}",
        seed=seed,
        nodes=nodes + 1,
        build=lambda node: server() if node < nodes else Driver(rounds, proposals, prefix),
        duration_ns=max(1, rounds * TICK_NS),
        network=Network(latency=DrawnDelay(seed=seed, servers=nodes)),
        faults=tuple(Cut(at_ns=0, source=source, target=target) for source, target in partition),
        final=held_by,
        parameters={"rounds": rounds, "proposals": proposals},
    )


def replay_of(  # noqa: PLR0917 - the labs' arguments, in the labs' order
    lab: str, seed: int, nodes: int, rounds: int, proposals: int, partition: tuple[tuple[int, int], ...]
) -> str:
    """The command that runs a lab again."""
    replay = f"simclock lab {lab} --seed {seed} --nodes {nodes} --rounds {rounds} --proposals {proposals}"
    if partition:
        replay += " --partition " + ",".join(f"{source},{target}" for source, target in partition)
    return replay


def check_arguments(seed: int, nodes: int, rounds: int, proposals: int, partition: tuple[tuple[int, int], ...]) -> None:
    """Raises UsageError."""
    check_seed(seed)
    if type(nodes) is not int or nodes < 1:
        raise UsageError(f"nodes: {nodes!r} is not a number of servers: 1 or more")
    if type(rounds) is not int or rounds < 0:
        raise UsageError(f"rounds: {rounds!r} is not a number of rounds: 0 or more")
    if type(proposals) is not int or proposals < 0:
        raise UsageError(f"proposals: {proposals!r} is not a number of proposals: 0 or more")
    for link in partition:
        if not all(type(node) is int and 0 <= node < nodes for node in link):
            raise UsageError(f"partition: {link} is not a link between two of the nodes 0 to {nodes - 1}")


def check_seed(seed: int) -> None:
    """Raises UsageError."""
    if type(seed) is not int or not 0 <= seed <= MASK:
        raise UsageError(f"seed: {seed!r} is not a seed of the lab: a whole number from 0 to 2**64 - 1")
