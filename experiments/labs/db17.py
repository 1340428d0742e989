"""Lab db-17: Raft, with elections, proposals and cut links.

The servers are this project's Raft, with the lab's timing in place of its own, and without the no-op entry, which the
lab does not know. The dump is what every server holds at the end.

Its order of work, and how the kernel comes to keep it, stand in `ticks.py`.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from simclock import Cut, Network, RunResult, Scenario
from simclock.actors import Placement, run
from simclock.experiments.labs.ticks import (
    ELECTION_TICKS,
    HEARTBEAT_TICKS,
    TICK_NS,
    DrawnDelay,
    Driver,
    LabMachine,
    Leads,
    LeadsNoMore,
    Proposals,
    check_arguments,
    deadline_tick,
    until_ns,
)
from simclock.protocols.raft import RaftServer, RaftSettings, Role

NO_VOTE = -1


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
        now_ns = self.clock.monotonic_ns()
        return until_ns(deadline_tick(self.lab_seed, self.id, now_ns // TICK_NS), now_ns)

    def _heartbeat_ns(self) -> int:
        now_ns = self.clock.monotonic_ns()
        return until_ns(now_ns // TICK_NS + HEARTBEAT_TICKS, now_ns)


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
    check_arguments(seed, nodes, rounds, proposals, partition)
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
        build=lambda node: LabServer(settings, seed) if node < nodes else Driver(rounds, proposals, b"cmd"),
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
