"""What labs db-20 and db-23 share: drawn operations on a store that servers replicate under an appointed leader.

The lab calls its operations one after another, each when the one before has been replicated. Here a client calls them,
one every CALL_NS, which is many times what it takes to be answered; so the answer is there before the next. The lab
appoints node 0 the leader of term 1. Here it is elected: the others' election timeout never comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from simclock import Fault, Network, Scenario, UsageError, minutes, ms, seconds
from simclock.actors import Node
from simclock.environment.latency import Constant
from simclock.experiments.entries.planned_operations import with_operations
from simclock.experiments.labs.splitmix import VARIANT, SplitMix64
from simclock.experiments.labs.ticks import check_seed
from simclock.protocols.key_value import Client, Command, KeyValueStore, PlannedOperation, Workload
from simclock.protocols.raft import RaftServer, RaftSettings
from simclock.protocols.replication import Sessions
from simclock.protocols.replication.sessions import Numbered

LEADER = 0
DELETE = 3
"""Of the four kinds that are drawn; the others put."""
CALL_NS = ms(10)
DELAY_NS = ms(1)
"""Of every message."""
ELECTED_NS = ms(100)
"""When the leader stands."""
NEVER_NS = minutes(60 * 24 * 365 * 100)
FIRST_NS = 2 * ELECTED_NS
"""When the first operation is called."""
CAUGHT_UP_NS = seconds(1)
"""How long a run goes on after its last operation, besides the time that it takes to send what a server lacks."""
OPERATIONS_MAX = (1 << 32) - 1
"""What a dump can count."""
KEYS_MAX = 1 << 63
"""A dump writes a key in 64 bits, with a sign."""


class Drawn(NamedTuple):
    """An operation of the lab, before it has a key's name."""

    deletes: bool
    key: int
    value: int


def drawn_operations(seed: int, count: int, keys: int, values: int) -> Iterator[Drawn]:
    """Three draws each, whatever the kind: kind, key of `keys`, value of `values`."""
    luck = SplitMix64(seed, VARIANT)
    for _ in range(count):
        kind, key, value = luck.next(), luck.next(), luck.next()
        yield Drawn(kind >> 62 & 3 == DELETE, key % keys, value % values)


def called_ns(operation: int) -> int:
    """When an operation is called, the first is 0."""
    return FIRST_NS + operation * CALL_NS


def between_calls_ns(operation: int) -> int:
    """Before that operation is called, and after the one before it has been answered."""
    return called_ns(operation) - CALL_NS // 4


class Held(NamedTuple):
    """What a server holds at the end."""

    current_term: int
    commit_index: int
    log: tuple[tuple[int, Command], ...]
    """(term, command)."""
    values: tuple[tuple[str, str], ...]
    """(key, value), in no order of note."""


_numbered = msgspec.msgpack.Decoder(Numbered).decode
_command = msgspec.msgpack.Decoder(Command).decode


def held_by(node: Any) -> Held | None:
    """What is kept of a node; None of the client."""
    if not isinstance(node, RaftServer):
        return None
    entries = node.log.entries_from(1, node.log.last_index)
    log = tuple((entry.term, _command(_numbered(entry.command).command)) for entry in entries)
    store: KeyValueStore = node.state_machine.state_machine  # type: ignore[attr-defined]
    return Held(node.current_term, node.commit_index, log, tuple(store.values.items()))


def check_arguments(seed: int, operations: int, keys: int) -> None:
    """Raises UsageError."""
    check_seed(seed)
    if type(operations) is not int or not 0 <= operations <= OPERATIONS_MAX:
        raise UsageError(f"ops: {operations!r} is not a number of operations: 0 to {OPERATIONS_MAX}")
    if type(keys) is not int or not 1 <= keys <= KEYS_MAX:
        raise UsageError(f"keys: {keys!r} is not a number of keys: 1 to {KEYS_MAX}")


def appointed(
    lab: str,
    servers: int,
    operations: Iterable[tuple[str, str, str | None]],
    faults: tuple[Fault, ...],
    *,
    seed: int,
    keys: int,
) -> Scenario:
    """A lab as a scenario: servers, and the client as the last node; operations are (function, key, value)."""
    members = tuple(range(servers))
    planned = tuple(
        PlannedOperation(at_ns=called_ns(place), node=servers, process=0, function=function, key=key, value=value)
        for place, (function, key, value) in enumerate(operations)
    )

    def build(node: int) -> Node:
        if node == servers:
            return Client(members, Workload())
        return RaftServer(_settings_of(node, members), Sessions(KeyValueStore()))

    scenario = Scenario(
        name=f"lab-{lab}",
        seed=seed,
        nodes=servers + 1,
        build=build,
        duration_ns=called_ns(len(planned)) + CAUGHT_UP_NS + len(planned) * DELAY_NS,
        network=Network(latency=Constant(delay_ns=DELAY_NS)),
        faults=faults,
        final=held_by,
        parameters={"ops": len(planned), "keys": keys},
    )
    return with_operations(scenario, planned)


def _settings_of(node: int, members: tuple[int, ...]) -> RaftSettings:
    timeout_ns = ELECTED_NS if node == LEADER else NEVER_NS
    return RaftSettings(
        servers=members,
        election_timeout_ns_min=timeout_ns,
        election_timeout_ns_max=timeout_ns,
        heartbeat_ns=ELECTED_NS // 2,
        no_op=False,
    )
