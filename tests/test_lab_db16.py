"""Lab db-16: the published hash, the lab's rules written down a second time, and hosts side by side."""

import heapq
import struct
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simclock import UsageError
from simclock.actors.message import check_message, payload_union
from simclock.experiments.labs import run_db16
from simclock.experiments.labs.db16 import Log, Stamped, db16, dump
from simclock.experiments.labs.splitmix import VARIANT, VIGNA, SplitMix64, splitmix64
from simclock.kernel.host import Host
from simclock.kernel.scheduler import Scheduler, host_plan

U64 = (1 << 64) - 1


def test_splitmix_gives_the_known_first_outputs():
    vigna = SplitMix64(0, VIGNA)
    assert [vigna.next() for _ in range(3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert splitmix64(0, VIGNA) == 0xE220A8397B1DCDAF
    assert splitmix64(0, VARIANT) == SplitMix64(0, VARIANT).next() == 0x8B57DAFCA0CEE644


@given(st.integers(0, U64), st.sampled_from([VIGNA, VARIANT]))
def test_splitmix_stays_within_64_bits(seed, multiplier):
    luck = SplitMix64(seed, multiplier)
    assert all(0 <= luck.next() <= U64 for _ in range(3))
    assert splitmix64(seed, multiplier) == splitmix64(seed + (1 << 64), multiplier)


def test_the_published_hash():
    data = run_db16(42, 3, 20)
    assert len(data) == 8156
    assert sha256(data).hexdigest() == "0d7e753cdc891e3a481977da372a4d97a6a0e0ab00b74f5a074dbc25791dc797"


def test_the_published_length():
    assert len(run_db16(7, 5, 50)) == 45592


def by_the_rules(seed, nodes, rounds):
    """The lab's text, word for word: one heap, one sequence, one loop. What the kernel's run has to equal."""
    lamport = [0] * nodes
    vector = [{} for _ in range(nodes)]
    heap, log, sequence = [], [], 0

    def emit(kind, time, node, peer, payload):
        entries = sorted(vector[node].items())
        log.append(struct.pack("<BQIIQI", kind, time, node, peer, lamport[node], len(entries)))
        log.extend(struct.pack("<IQ", *entry) for entry in entries)
        log.append(struct.pack("<IB", 1, payload))

    for t in range(rounds + 4):
        while heap and heap[0][0] <= t:
            _, sender, _, target, payload, its_lamport, its_vector = heapq.heappop(heap)
            lamport[target] = max(lamport[target], its_lamport) + 1
            for node, count in its_vector.items():
                vector[target][node] = max(vector[target].get(node, 0), count)
            vector[target][target] = vector[target].get(target, 0) + 1
            emit(2, t, target, sender, payload)
        for s in range(nodes) if t < rounds else ():
            r = splitmix64(seed ^ (t << 32) ^ (s + 1), VIGNA)
            before = (r & 0xFFFF) % (nodes - 1)
            target = before + (1 if before >= s else 0)
            lamport[s] += 1
            vector[s][s] = vector[s].get(s, 0) + 1
            delay, payload = 1 + ((r >> 16) & 0xFFFF) % 3, (r >> 32) & 0xFF
            heapq.heappush(heap, (t + delay, s, sequence, target, payload, lamport[s], dict(vector[s])))
            sequence += 1
            emit(1, t, s, target, payload)
    assert not heap
    return b"DSE6" + struct.pack("<I", 2 * nodes * rounds) + b"".join(log)


@settings(deadline=None)
@given(st.integers(0, U64), st.integers(2, 9), st.integers(0, 12))
def test_the_kernel_keeps_the_labs_rules(seed, nodes, rounds):
    assert run_db16(seed, nodes, rounds) == by_the_rules(seed, nodes, rounds)


class SideBySide:
    """Several hosts in this process, with windows and encoded mail, as on a cluster."""

    pipelined = True

    def __init__(self, plan):
        self.count = max(plan.host_of) + 1
        self.hosts = [Host(plan, number) for number in range(self.count)]

    def submit(self, host, mail):
        return mail

    def collect(self, tickets):
        return [self.hosts[host].advance(*mail) for host, mail in tickets]

    def finish(self, end_ns):
        return [host.finish(end_ns) for host in self.hosts]


@pytest.mark.parametrize("per_host", [1, 2, 3])
def test_hosts_side_by_side_give_the_same_bytes(per_host):
    scenario = db16(7, 5, 20)
    observers = [Log()]
    host_of = [node // per_host for node in range(5)]
    plan = host_plan(
        scenario,
        host_of,
        observers,
        payload_type=payload_union([Stamped]),
        check_message=check_message,
        traced=False,
    )
    result = Scheduler(scenario, SideBySide(plan), observers, placement="side by side", replay="").run()
    assert dump(result) == run_db16(7, 5, 20)


@pytest.mark.parametrize("rounds", [0, 1])
def test_a_short_run_is_a_run(rounds):
    assert run_db16(0, 2, rounds) == by_the_rules(0, 2, rounds)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ((-1, 3, 20), "seed"),
        ((1 << 64, 3, 20), "seed"),
        ((42, 1, 20), "nodes"),
        ((42, 0, 20), "nodes"),
        ((42, 3, -1), "rounds"),
        ((42, 3, 1 << 32), "rounds"),
        ((42, 1 << 21, 1), "nodes"),
    ],
)
def test_what_cannot_be_run_is_refused_in_one_line(arguments, names):
    with pytest.raises(UsageError, match=names) as refused:
        run_db16(*arguments)
    assert "\n" not in str(refused.value)
