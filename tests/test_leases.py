"""Leases: the table and the arithmetic, the server's measuring, the store's check; and the properties can fail."""

from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import (
    Clocks,
    Constant,
    Control,
    Crash,
    Network,
    Observation,
    Pause,
    Restart,
    Resume,
    Scenario,
    Uniform,
    UsageError,
    ms,
    seconds,
)
from simclock.actors import Node, run
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.leases import (
    Acquire,
    Expire,
    Holder,
    HolderWork,
    LeaseProperties,
    LeaseServer,
    LeaseSettings,
    LeaseTable,
    Release,
    Renew,
    StorageNode,
    Write,
    WriteReply,
)
from simclock.protocols.leases.settings import PARTS
from simclock.protocols.leases.table import REFUSED, decode_answer, encode_command
from simclock.protocols.raft import RaftProperties, RaftServer, RaftSettings
from simclock.protocols.replication import based_on

LOCK = "disk"


def does(table, command):
    answer = decode_answer(table.apply(encode_command(command)))
    return answer.token, answer.holds


# The table.


def test_the_first_in_the_queue_holds_and_tokens_increase():
    table = LeaseTable(101)
    assert does(table, Acquire(LOCK, 7)) == (101, True)
    assert does(table, Acquire(LOCK, 8)) == (102, False)
    assert does(table, Acquire("other", 8)) == (103, True)
    assert does(table, Renew(LOCK, 102)) == (102, False)
    assert does(table, Release(LOCK, 101)) == (0, False)
    assert does(table, Renew(LOCK, 102)) == (102, True)
    assert does(table, Renew(LOCK, 101)) == (0, False)
    assert does(table, Acquire(LOCK, 7)) == (104, False)


def test_who_has_a_claim_keeps_it():
    table = LeaseTable(1)
    does(table, Acquire(LOCK, 7))
    assert does(table, Acquire(LOCK, 7)) == (1, True)
    assert [claim.renewals for _, claim in table.claims()] == [1]


def test_an_expiry_names_the_renewal_it_was_measured_from():
    """LEASE-02: what a leader measured before the claim was renewed ends nothing."""
    table = LeaseTable(1)
    does(table, Acquire(LOCK, 7))
    does(table, Renew(LOCK, 1))
    does(table, Expire(LOCK, 1, 0))
    assert does(table, Renew(LOCK, 1)) == (1, True)
    does(table, Expire(LOCK, 1, 2))
    assert does(table, Renew(LOCK, 1)) == (0, False)


def test_a_waiter_that_expired_never_holds():
    """LEASE-07."""
    table = LeaseTable(1)
    for client in (7, 8, 9):
        does(table, Acquire(LOCK, client))
    does(table, Expire(LOCK, 2, 0))
    does(table, Release(LOCK, 1))
    assert does(table, Renew(LOCK, 2)) == (0, False)
    assert does(table, Renew(LOCK, 3)) == (3, True)


def test_commands_that_make_no_sense_change_nothing():
    table = LeaseTable(1)
    assert table.apply(b"nonsense") == table.apply(b"") == REFUSED
    does(table, Release(LOCK, 5))
    does(table, Expire("nowhere", 5, 0))
    assert table.claims() == [] and table.told == []


locks, clients, tokens = st.sampled_from(["a", "b"]), st.integers(0, 3), st.integers(1, 8)
commands = st.one_of(
    st.builds(Acquire, locks, clients),
    st.builds(Renew, locks, tokens),
    st.builds(Release, locks, tokens),
    st.builds(Expire, locks, tokens, st.integers(0, 2)),
)


@given(st.lists(commands, max_size=60))
def test_replicas_agree_and_no_token_is_given_twice(asked):
    one, other = LeaseTable(1), LeaseTable(1)
    for command in asked:
        assert one.apply(encode_command(command)) == other.apply(encode_command(command))
    assert one.told == other.told
    given_tokens = [told.token for told in one.told if told.kind == "queued"]
    assert given_tokens == sorted(set(given_tokens))
    for lock in ("a", "b"):
        held = [told.token for told in one.told if told.kind == "held" and told.lock == lock]
        assert held == sorted(held)
    properties, control = LeaseProperties((0,), seconds(1)), Control(1)
    for told in one.told:
        properties.on_observation(Observation(1, 0, 1, "lease", told.as_observed()), control)
    assert control.violations == []


# Two clocks.


@given(st.integers(ms(1), seconds(100)), st.integers(0, PARTS // 4), st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_a_holder_stops_before_the_leader_does(term_ns, bound_ppb, holder, leader):
    """In true time, with any two clocks within the bound: one gains or loses as many thousandths of the bound."""
    lease = LeaseSettings(term_ns=term_ns, drift_ppb=bound_ppb, guard_ns=0)
    rate = lambda part: 1 + Fraction(bound_ppb * part, 1000 * PARTS)  # noqa: E731
    assert lease.holder_term_ns / rate(holder) <= term_ns <= lease.leader_term_ns / rate(leader)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"term_ns": 0}, "lease.term: 0 is not a whole number of 1 or more"),
        ({"drift_ppb": 600_000_000}, "lease.drift: 600000000 ppb is out of range: less than 500,000 ppm"),
        ({"term_ns": ms(90)}, "lease.guard: 100ms leaves nothing of a lease of 90ms: make the lease longer"),
    ],
)
def test_settings_that_make_no_sense(wrong, message):
    with pytest.raises(UsageError, match=message):
        LeaseSettings(**wrong)
    with pytest.raises(UsageError, match=r"lease\.writes: 0 is not"):
        HolderWork(writes=0)


# The server.

LEASES = LeaseSettings(term_ns=seconds(1), drift_ppb=0)
RAFT = RaftSettings(servers=(0, 1, 2))


WORKS = (HolderWork(writes=100, first_ns=seconds(1)),)
DURATION_NS = seconds(8)


def play(*faults, works=WORKS, duration_ns=DURATION_NS, **options):
    """Three servers, a store (3) and holders from node 4 on."""

    def build(node: int) -> Node:
        if node in RAFT.servers:
            return based_on(LeaseServer, RaftServer)(RAFT, LEASES, LeaseTable())
        return StorageNode() if node == 3 else Holder(RAFT.servers, 3, LEASES, works[node - 4])

    observers = (
        partial(RaftProperties, RAFT.servers),
        partial(LeaseProperties, RAFT.servers, LEASES.term_ns),
        partial(Recorded, ("leader", "lease", "held", "lost", "accepted")),
    )
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2)))
    result = run(
        Scenario(
            name="leases",
            nodes=4 + len(works),
            build=build,
            duration_ns=duration_ns,
            network=network,
            observers=observers,
            faults=faults,
            **options,
        )
    )
    assert result.violations == ()
    return result


def moments(result, kind):
    """When the first server did that to the table, by token."""
    found = {}
    for each in recorded(result):
        if each.name == "lease" and each.value[1] == kind:
            found.setdefault(each.value[3], each.time_ns)
    return found


def test_a_lease_lives_while_it_is_renewed_and_no_longer():
    result = play(Crash(at_ns=seconds(5), node=4))
    expired = moments(result, "expired")
    renewed = {}
    for each in recorded(result):
        if each.name == "lease" and each.value[1] == "renewed":
            renewed.setdefault(each.value[0], each.time_ns)
    last_renewal = max(renewed.values())
    assert list(expired) == [1]
    assert last_renewal < seconds(5) + ms(10) and seconds(1) <= expired[1] - last_renewal <= seconds(1) + ms(10)


def test_a_new_leader_counts_every_lease_anew():
    """The leader and the holder crash together: the next leader waits for a whole term from when it took office."""
    first = next(each.node for each in recorded(play(duration_ns=seconds(1))) if each.name == "leader")
    result = play(Crash(at_ns=seconds(3), node=first), Crash(at_ns=seconds(3), node=4))
    office = [each.time_ns for each in recorded(result) if each.name == "leader"]
    expired = moments(result, "expired")[1]
    assert len(office) == 2 and seconds(1) <= expired - office[1] <= seconds(1) + ms(10)


def test_a_holder_keeps_its_token_over_a_failover():
    first = next(each.node for each in recorded(play(duration_ns=seconds(1))) if each.name == "leader")
    result = play(Crash(at_ns=seconds(3), node=first), Restart(at_ns=seconds(5), node=first))
    assert moments(result, "expired") == {}
    written = [each for each in recorded(result) if each.name == "accepted"]
    assert {each.value[1] for each in written} == {1} and written[-1].time_ns > seconds(7)


def test_a_deposed_leader_ends_nothing():
    """It stands still for longer than a lease, and finds all leases run out by its clock when it wakes."""
    first = next(each.node for each in recorded(play(duration_ns=seconds(1))) if each.name == "leader")
    result = play(Pause(at_ns=seconds(2), node=first), Resume(at_ns=seconds(5), node=first))
    assert result.reports["RaftProperties"]["leader_changes"] == 1
    assert moments(result, "expired") == {} and result.reports["LeaseProperties"]["renewed"] > 10


def test_waiters_get_the_lock_in_turn():
    work = HolderWork(writes=3, first_ns=seconds(1), prepare_ns=ms(1), pause_ns=ms(1), rest_ns=ms(10))
    result = play(works=(work, work, work), clocks=Clocks(offset_ns_max=seconds(9)))
    written = [each.value[1] for each in recorded(result) if each.name == "accepted"]
    holders = {each.value[3] for each in recorded(result) if each.name == "accepted"}
    assert written == sorted(written) and holders == {4, 5, 6} and len(set(written)) > 6


# The store.


class Writer(Node):
    """Sends what it was told, and tells what it hears."""

    def __init__(self, writes):
        self.writes = writes

    def on_start(self):
        for at_ns, write in self.writes:
            self.set_timer(write, at_ns)

    def on_timer(self, timer):
        self.send(0, timer)

    def on_message(self, source, message):
        match message:
            case WriteReply(_, token, number, accepted, greatest):
                self.observe("heard", (token, number, accepted, greatest))


def heard(*writes, faults=()):
    scripted = [(ms(10) * position, write) for position, write in enumerate(writes)]
    result = run(
        Scenario(
            name="store",
            nodes=2,
            build=lambda node: Writer(scripted) if node else StorageNode(),
            duration_ns=seconds(1),
            network=Network(latency=Constant(delay_ns=ms(1))),
            faults=faults,
            observers=(partial(Recorded, ("heard",)),),
        )
    )
    return [each.value for each in recorded(result)]


def test_the_store_refuses_a_token_less_than_the_greatest_seen():
    """Kleppmann 2016: 33, then 34, then 33 again."""
    answers = heard(Write(LOCK, 33, 1, "a"), Write(LOCK, 34, 1, "b"), Write(LOCK, 33, 2, "c"), Write(LOCK, 34, 2, "d"))
    assert answers == [(33, 1, True, 33), (34, 1, True, 34), (33, 2, False, 34), (34, 2, True, 34)]


def test_an_old_copy_of_a_holders_own_write_is_refused_and_the_last_one_again_is_not():
    answers = heard(Write(LOCK, 5, 1, "a"), Write(LOCK, 5, 2, "b"), Write(LOCK, 5, 1, "a "), Write(LOCK, 5, 2, "b "))
    assert [accepted for _, _, accepted, _ in answers] == [True, True, False, True]


def test_the_store_remembers_after_a_restart():
    faults = (Crash(at_ns=ms(5), node=0), Restart(at_ns=ms(6), node=0))
    answers = heard(Write(LOCK, 34, 1, "b"), Write(LOCK, 33, 1, "a"), Write("another", 1, 1, "c"), faults=faults)
    assert [accepted for _, _, accepted, _ in answers] == [True, False, True]


# The properties, on histories known to be bad.


def judged(*observations):
    """(node, name, value), a millisecond apart; servers are 0 to 2 and a lease lasts 100 ms."""
    properties, control = LeaseProperties((0, 1, 2), ms(100)), Control(1)
    for position, (node, name, value) in enumerate(observations):
        control.now_ns = ms(position)
        properties.on_observation(Observation(ms(position), node, position, name, value), control)
    return {violation.property for violation in control.violations}


def table_says(*changes):
    return [(0, "lease", (number, kind, LOCK, token, 4)) for number, (kind, token) in enumerate(changes)]


QUEUED = [("queued", 1), ("held", 1), ("queued", 2)]

BAD = {
    "an older token is accepted": (
        [(3, "accepted", (LOCK, 2, 1, 5, "b")), (3, "accepted", (LOCK, 1, 1, 4, "a"))],
        "Mutual Exclusion Of Effects",
    ),
    "two holders with one token": (
        [(3, "accepted", (LOCK, 2, 1, 5, "b")), (3, "accepted", (LOCK, 2, 2, 4, "a"))],
        "Mutual Exclusion Of Effects",
    ),
    "an old copy of a holder's own write is accepted": (
        [(3, "accepted", (LOCK, 2, 2, 5, "new")), (3, "accepted", (LOCK, 2, 1, 5, "old"))],
        "Writes In Order",
    ),
    "a token given twice": (table_says(("queued", 1), ("released", 1), ("queued", 1)), "Token Monotone"),
    "a lesser token holds later": (
        table_says(("queued", 1), ("queued", 2), ("held", 2), ("released", 2), ("held", 1)),
        "Token Monotone",
    ),
    "two hold": (table_says(*QUEUED, ("held", 2)), "At Most One Holder"),
    "one holds whose claim has expired": (table_says(*QUEUED, ("expired", 2), ("held", 2)), "At Most One Holder"),
    "one holds again, alone, whose claim has expired": (
        table_says(*QUEUED, ("expired", 1), ("held", 1)),
        "At Most One Holder",
    ),
    "it expires too early, told before": (
        [(4, "asks", (1, "Acquire")), (4, "held", (LOCK, 1, 1)), *table_says(*QUEUED, ("expired", 1))],
        "Lease Lives While Renewed",
    ),
    "it expires too early, told after": (
        [(4, "asks", (1, "Acquire")), *table_says(*QUEUED, ("expired", 1)), (4, "held", (LOCK, 1, 1))],
        "Lease Lives While Renewed",
    ),
    "it writes after its lease has expired": (
        [*table_says(*QUEUED, ("expired", 1)), (4, "looks", (LOCK, 1))],
        "Believer Is Holder",
    ),
    "replicas part": ([*table_says(*QUEUED), (1, "lease", (1, "held", LOCK, 9, 4))], "Replicas Agree"),
    "a replica leaves something out": ([(1, "lease", (1, "held", LOCK, 9, 4))], "Replicas Agree"),
}


@pytest.mark.parametrize(("history", "property"), BAD.values(), ids=BAD)
def test_a_bad_history_is_named(history, property):
    assert judged(*history) == {property}


def test_a_good_history_passes():
    assert judged(*table_says(*QUEUED, ("released", 1), ("held", 2)), (5, "looks", (LOCK, 2))) == set()
    late = [(4, "asks", (1, "Acquire")), (4, "held", (LOCK, 1, 1)), *[(4, "asks", (2, "Renew"))] * 100]
    assert judged(*late, *table_says(*QUEUED, ("expired", 1))) == set()
    assert judged((3, "accepted", (LOCK, 1, 9, 4, "a")), (3, "accepted", (LOCK, 2, 1, 5, "b"))) == set()
    assert judged(*[(3, "accepted", (LOCK, 1, 2, 4, "a"))] * 2) == set(), "the last write again: its answer was lost"


def test_a_property_is_told_a_few_times_and_the_run_goes_on():
    properties, control = LeaseProperties((0,), ms(100)), Control(1)
    for token in (9, *range(1, 9)):
        properties.on_observation(Observation(1, 3, 1, "accepted", (LOCK, token, 1, token, "")), control)
    assert len(control.violations) == 3 and control.stop_ns is None
    assert properties.report()["writes accepted"] == 9
