"""Dotted version vectors: the tables of dvvset.erl, the laws, and causal histories on random stores."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simclock import UsageError
from simclock.clocks import (
    DottedVersion,
    DottedVersionSet,
    Order,
    VectorClock,
    concurrent_versions,
    context_of,
    next_version,
)

SERVERS = "abc"


# The tables.


class Program:
    """Evaluates one program of the table."""

    def __init__(self, bindings):
        self.names = {}
        for name, expression in bindings:
            self.names[name] = self.value(expression)

    def value(self, expression):
        match expression:
            case None:
                return DottedVersionSet()
            case str():
                return self.names[expression]
            case {"e": entries, "v": anonymous}:
                return DottedVersionSet(
                    tuple((node, count, tuple(values)) for node, count, values in entries), tuple(sorted(anonymous))
                )
            case ["new", context, value]:
                read = VectorClock() if context is None else self.value(context)
                return DottedVersionSet.of_client(read, value)
            case ["join", of]:
                return self.value(of).context
            case ["update", client, server, node]:
                new = self.value(client)
                (value,) = new.anonymous
                return self.value(server).put(new.context, value, node)
        raise AssertionError(expression)

    def check(self, what, *operands):
        if what == "is":
            assert self.value(operands[0]) == self.value(operands[1])
        elif what == "join":
            assert self.value(operands[0]).context.entries == tuple(map(tuple, operands[1]))
        elif what == "sync_is":
            one, other = map(self.value, operands[0])
            assert one.sync(other) == self.value(operands[1])
        elif what == "sync_commutes":
            one, other = map(self.value, operands)
            assert one.sync(other) == other.sync(one)
        elif what == "less":
            assert (self.value(operands[0]) < self.value(operands[1])) is operands[2]
        elif what == "equal":
            assert (self.value(operands[0]).compare(self.value(operands[1])) is Order.EQUAL) is operands[2]
        elif what == "size":
            assert len(self.value(operands[0]).values) == operands[1]
        elif what == "values_sorted":
            assert sorted(self.value(operands[0]).values) == operands[1]
        elif what == "ids":
            assert list(self.value(operands[0]).ids) == operands[1]
        else:
            raise AssertionError(what)


@pytest.mark.external
def test_the_tables(external_data):
    programs = json.loads((external_data / "dvv" / "dvvset_cases.json").read_text())["programs"]
    assert len(programs) == 6
    for text in programs:
        program = Program(text["let"])
        for assertion in text["assert"]:
            program.check(*assertion)


# Random stores against causal histories.


@st.composite
def programs(draw):
    """Puts, reads and exchanges by servers and clients, by number."""
    operations = st.sampled_from(["put", "put", "read", "sync"])
    return draw(st.lists(st.tuples(operations, st.integers(0, 2), st.integers(0, 2), st.booleans()), max_size=30))


class Histories:
    """The definition: a store keeps the writes that no write it has heard of has read. No clock in it."""

    def __init__(self):
        self.read = {}
        """Write -> all writes that its client had read, those that they had read included."""

    def kept(self, writes):
        return {write for write in writes if not any(write in self.read[other] for other in writes)}

    def put(self, present, context, write):
        self.read[write] = frozenset(context).union(*(self.read[other] for other in context))
        return self.kept(present | {write})


@given(programs())
def test_a_value_is_dropped_if_and_only_if_it_was_overwritten(program):
    """Law 1, for both forms; and the order of versions is that of their histories."""
    histories = Histories()
    sets = [DottedVersionSet()] * 3
    versions = [frozenset()] * 3
    writes = [frozenset()] * 3
    contexts = [(VectorClock(), VectorClock(), frozenset())] * 3
    clock_of = {}
    for number, (operation, server, other, forgets) in enumerate(program):
        if operation == "read":
            contexts[other] = sets[server].context, context_of(versions[server]), writes[server]
        elif operation == "sync":
            sets[server] = sets[server].sync(sets[other])
            versions[server] = concurrent_versions(versions[server] | versions[other])
            writes[server] = frozenset(histories.kept(writes[server] | writes[other]))
        else:
            if forgets:
                contexts[other] = VectorClock(), VectorClock(), frozenset()
            of_set, of_versions, read = contexts[other]
            node = SERVERS[server]
            sets[server] = sets[server].put(of_set, number, node)
            clock_of[number] = next_version(of_versions, versions[server], node)
            versions[server] = concurrent_versions(versions[server] | {clock_of[number]})
            writes[server] = frozenset(histories.put(writes[server], read, number))
        assert set(sets[server].values) == writes[server]
        assert versions[server] == {clock_of[write] for write in writes[server]}
    for a, b in [(a, b) for a in clock_of for b in clock_of if a != b]:
        assert (clock_of[a] < clock_of[b]) is (a in histories.read[b])


@given(programs())
def test_sync_is_a_semilattice(program):
    sets = [DottedVersionSet()] * 3
    for number, (operation, server, other, blind) in enumerate(program):
        if operation == "sync":
            sets[server] = sets[server].sync(sets[other])
        else:
            context = VectorClock() if blind else sets[other].context
            sets[server] = sets[server].put(context, number, SERVERS[server])
    a, b, c = sets
    assert a.sync(a) == a
    assert a.sync(b) == b.sync(a)
    assert a.sync(b).sync(c) == a.sync(b.sync(c))
    assert a <= a.sync(b) and b <= a.sync(b)
    assert a.compare(b) is b.compare(a).reversed
    assert DottedVersionSet.decode(a.encode()) == a


def test_siblings_do_not_explode():
    """Two clients alternate, each with what it was given back by its own last put: two siblings at most."""
    siblings, contexts = DottedVersionSet(), [VectorClock(), VectorClock()]
    for turn in range(50):
        siblings = siblings.put(contexts[turn % 2], turn, "a")
        contexts[turn % 2] = siblings.context
        assert len(siblings.values) <= 2
    blind = DottedVersionSet()
    for turn in range(5):
        blind = blind.put(VectorClock(), turn, "a")
    assert blind.values == (4, 3, 2, 1, 0)  # nobody had read anything: all of them are concurrent


def test_a_write_with_an_old_context_does_not_lose_the_present_one():
    first = DottedVersionSet().put(VectorClock(), "v1", "a")
    second = first.put(VectorClock(), "v2", "a")
    third = second.put(first.context, "v3", "a")
    assert third.values == ("v3", "v2")
    v1 = next_version(VectorClock(), [], "a")
    v2 = next_version(VectorClock(), [v1], "a")
    v3 = next_version(v1.history, [v1, v2], "a")
    assert v2.compare(v3) is Order.CONCURRENT
    assert concurrent_versions([v1, v2, v3]) == {v2, v3}


@pytest.mark.parametrize(
    "make",
    [
        lambda: DottedVersion("a", 0),
        lambda: DottedVersion("a", 2, VectorClock.of({"a": 2})),
        lambda: DottedVersionSet((("b", 1, ()), ("a", 1, ()))),
        lambda: DottedVersionSet((("a", 1, ("x", "y")),)),
        lambda: DottedVersionSet((("a", -1, ()),)),
        lambda: DottedVersionSet((), ("y", "x")),
        lambda: DottedVersionSet.decode(b"\x00"),
    ],
)
def test_what_is_no_version_is_refused(make):
    with pytest.raises(UsageError):
        make()
