"""The three ways to tell versions apart, against causal histories without a clock; and what pruning does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import UsageError
from simclock.clocks import VectorClock
from simclock.protocols.dynamo import ClientVectors, DottedSets, ServerVectors, Version, Write, metadata_bytes

EXACT = [ClientVectors(), DottedSets()]
ALL = [*EXACT, ServerVectors()]
SERVERS = "ABC"


class Stores:
    """Three servers with one key, clients with what they were shown, and the truth as sets of writes."""

    def __init__(self, versioning):
        self.versioning = versioning
        self.records = [versioning.empty()] * 3
        self.writes = [frozenset()] * 3
        self.contexts = [(VectorClock(), frozenset())] * 3
        self.past = {}

    def names(self, record):
        return [int(version.value) for version in self.versioning.versions(record)]

    def kept(self, writes):
        return frozenset(write for write in writes if not any(write in self.past[other] for other in writes))

    def step(self, number, operation, server, other, blind):
        if operation == "read":
            record = self.records[server]
            self.contexts[other] = self.versioning.context(record), frozenset(self.names(record))
        elif operation == "exchange":
            self.records[server] = self.versioning.merge(self.records[server], self.records[other])
            self.writes[server] = self.kept(self.writes[server] | self.writes[other])
        else:
            context, seen = (VectorClock(), frozenset()) if blind else self.contexts[other]
            self.past[number] = seen.union(*(self.past[each] for each in seen))
            write = Write(Version(str(number), number), context, f"client{number}", 1)
            self.records[server] = self.versioning.put(self.records[server], write, SERVERS[server])
            self.writes[server] = self.kept(self.writes[server] | {number})


operations = st.lists(
    st.tuples(st.sampled_from(["put", "put", "read", "exchange"]), st.integers(0, 2), st.integers(0, 2), st.booleans()),
    max_size=25,
)


@pytest.mark.parametrize("versioning", EXACT, ids=lambda each: each.name)
@given(operations)
def test_siblings_are_the_concurrent_writes_and_no_others(versioning, program):
    stores = Stores(versioning)
    for number, step in enumerate(program):
        stores.step(number, *step)
        for record, writes in zip(stores.records, stores.writes, strict=True):
            assert sorted(stores.names(record)) == sorted(writes)


@given(operations)
def test_one_clock_for_all_siblings_loses_nothing_and_keeps_too_much(program):
    stores = Stores(ServerVectors())
    for number, step in enumerate(program):
        stores.step(number, *step)
        for record, writes in zip(stores.records, stores.writes, strict=True):
            assert set(stores.names(record)) >= writes or any(
                write in stores.past[left] for write in writes for left in stores.names(record)
            )


@pytest.mark.parametrize("versioning", ALL, ids=lambda each: each.name)
@given(operations)
def test_the_laws(versioning, program):
    """Laws 1 to 3 of `versioning`: merge, summaries, and that what is missing is enough."""
    stores = Stores(versioning)
    for number, step in enumerate(program):
        stores.step(number, *step)
    summary, missing, lacks = versioning.summary, versioning.missing, versioning.lacks
    for one in stores.records:
        assert versioning.decode(versioning.encode(one)) == one
        assert missing(one, summary(one)) == b"" and not lacks(one, summary(one))
        for other in stores.records:
            merged = versioning.merge(one, other)
            assert merged == versioning.merge(other, one) and versioning.merge(merged, one) == merged
            assert (summary(one) == summary(other)) is (one == other)
            delta = missing(other, summary(one))
            assert (versioning.apply(one, delta) if delta else one) == merged
            assert lacks(one, summary(other)) is (merged != one)


def test_a_delta_of_dots_carries_no_value_that_the_other_side_has():
    dotted = DottedSets()
    record = dotted.empty()
    for number in range(20):
        record = dotted.put(record, Write(Version("x" * 1000, number), VectorClock(), "c", 1), "A")
    behind = record
    record = dotted.put(record, Write(Version("new", 99), VectorClock(), "c", 1), "A")
    delta = dotted.missing(record, dotted.summary(behind))
    assert len(dotted.encode(record)) > 20_000 and len(delta) < 40
    assert dotted.apply(behind, delta) == record


def test_a_delta_for_a_record_that_was_given_away_meanwhile_is_left():
    """The summary said it had dot 1; it has not any more. Half a set must not be made of it."""
    dotted = DottedSets()
    one = dotted.put(dotted.empty(), Write(Version("v1", 0), VectorClock(), "c", 1), "A")
    two = dotted.put(one, Write(Version("v2", 0), VectorClock(), "c", 1), "A")
    delta = dotted.missing(two, dotted.summary(one))
    assert dotted.apply(one, delta) == two and dotted.apply(dotted.empty(), delta) == dotted.empty()


# Pruning (4.4).


def written(versioning, record, name, writer, context=None):
    """A write by (client, when), with all of the record as its context unless told otherwise."""
    client, at = writer
    context = versioning.context(record) if context is None else context
    return versioning.put(record, Write(Version(name, at), context, client, context[client] + 1), "A")


def values(versioning, record):
    return sorted(version.value for version in versioning.versions(record))


@pytest.mark.parametrize(("prune_above", "shown"), [(0, ["v3"]), (2, ["v0", "v3"])])
def test_a_pruned_clock_keeps_what_was_overwritten(prune_above, shown):
    """A false conflict: what replaced v0 has forgotten that it knew it."""
    versioning = ClientVectors(prune_above)
    elsewhere = record = written(versioning, versioning.empty(), "v0", ("x", 0))
    for at, client in enumerate("yzw", start=1):
        record = written(versioning, record, f"v{at}", (client, at))
    assert values(versioning, record) == ["v3"]
    assert values(versioning, versioning.merge(record, elsewhere)) == shown


@pytest.mark.parametrize(("prune_above", "shown"), [(0, ["new"]), (1, ["old"])])
def test_a_pruned_clock_can_lose_a_write(prune_above, shown):
    """The server that took the second write has a slow clock, so the write's own entry is the oldest: it goes."""
    versioning = ClientVectors(prune_above)
    elsewhere = written(versioning, versioning.empty(), "old", ("x", 100))
    record = written(versioning, elsewhere, "new", ("y", 50))
    assert values(versioning, record) == ["new"]
    assert values(versioning, versioning.merge(record, elsewhere)) == shown


def test_the_oldest_entry_goes_first():
    versioning = ClientVectors(prune_above=2)
    record = versioning.empty()
    for at, client in enumerate("abca"):
        record = written(versioning, record, f"v{at}", (client, at))
    assert versioning.context(record).ids == ("a", "c"), "b was counted longest ago"


def test_metadata_is_what_is_not_value():
    for versioning in ALL:
        sizes = []
        for value in ("x", "x" * 100):
            write = Write(Version(value, 1), VectorClock(), "c", 1)
            sizes.append(metadata_bytes(versioning, versioning.put(versioning.empty(), write, "A")))
        assert 0 < sizes[0] <= sizes[1] <= sizes[0] + 2, "a longer value has a longer length in front of it"


def test_a_threshold_must_be_one():
    with pytest.raises(UsageError, match="prune_above: -1"):
        ClientVectors(-1)
