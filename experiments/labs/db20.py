"""Lab db-20: a distributed key-value store, five replicas under one leader, two of them cut off for a while.

The servers are this project's Raft with its key-value store, and a client's sessions between; what else is so of them
stands in `appointed.py`. The dump is the leader's state at the end: of the store all that a client could read.
"""

from __future__ import annotations

import struct

from simclock import Fault, Heal, Partition, RunResult, Scenario, UsageError
from simclock.actors import Placement, run
from simclock.experiments.labs.appointed import (
    LEADER,
    Held,
    appointed,
    between_calls_ns,
    check_arguments,
    drawn_operations,
)

REPLICAS = 5
CUT_OFF = (3, 4)
VALUES = 10_000
NO_TROUBLE, PARTITION = TROUBLES = ("default", "partition")
"""The lab's scenarios."""


def db20(seed: int, operations: int, keys: int, trouble: str = NO_TROUBLE) -> Scenario:
    """The lab as a scenario."""
    check_arguments(seed, operations, keys)
    if trouble not in TROUBLES:
        raise UsageError(f"scenario: {trouble!r} is not a scenario of lab db-20: use {' or '.join(TROUBLES)}")
    drawn = drawn_operations(seed, operations, keys, VALUES)
    called = (
        ("delete", f"k{key}", None) if deletes else ("put", f"k{key}", str(value)) for deletes, key, value in drawn
    )
    return appointed("db-20", REPLICAS, called, _faults(trouble, operations), seed=seed, keys=keys)


def _faults(trouble: str, operations: int) -> tuple[Fault, ...]:
    if trouble == NO_TROUBLE:
        return ()
    begun_ns, healed_ns = between_calls_ns(operations // 4), between_calls_ns(operations * 3 // 4)
    return Partition(at_ns=begun_ns, groups=(CUT_OFF,)), Heal(at_ns=healed_ns)


def dump(result: RunResult) -> bytes:
    """The lab's canonical bytes of a finished run: the leader's state."""
    return state_of(result.final[LEADER])


def state_of(held: Held) -> bytes:
    """A replica's state: keys in order of their bytes, values as whole numbers of 64 bits."""
    values = sorted((key.encode(), int(value)) for key, value in held.values)
    head = b"DSEDKV20" + struct.pack("<QQI", held.commit_index, held.current_term, len(values))
    return head + b"".join(
        struct.pack("<I", len(key)) + key + struct.pack("<IQ", struct.calcsize("<Q"), value) for key, value in values
    )


def run_db20(
    seed: int, operations: int, keys: int, trouble: str = NO_TROUBLE, placement: Placement | str = "inline"
) -> bytes:
    """Run the lab and give its dump; the same bytes on every placement."""
    replay = f"simclock lab db-20 --seed {seed} --ops {operations} --keys {keys} --scenario {trouble}"
    return dump(run(db20(seed, operations, keys, trouble), placement, replay=replay))
