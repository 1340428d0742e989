"""The tables of dvvset.erl, end to end: through the store's put, get and sync, on servers that talk over a network.

A program's server `a` is the store's server A. A record that a program starts from is put on a server's disk; the rest
is done by a client, or by the servers' own anti-entropy.
"""

import json
from functools import partial

import pytest

from simclock import Network, Scenario, Uniform, ms, seconds
from simclock.actors import Node, run
from simclock.clocks import DottedVersionSet, Order, VectorClock
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.dynamo import DottedSets, DynamoServer, DynamoSettings, Layout, Version
from simclock.protocols.dynamo.messages import Answer, Get, Put
from simclock.protocols.dynamo.versioning import decode_version, encode_version

SERVERS = tuple(range(26))
DRIVER = len(SERVERS)
KEY = "k"


class Loaded(DynamoServer):
    """A server that has a record when it starts."""

    def __init__(self, settings, record):
        super().__init__(settings, DottedSets())
        self.record = record

    def on_start(self):
        super().on_start()
        if self.record is not None:
            self.store(KEY, self.record)
            self.storage.sync()


class Driver(Node):
    """Sends one request and tells the answer."""

    def __init__(self, server, request):
        self.server, self.request = server, request

    def on_start(self):
        if self.request is not None:
            self.send(self.server, self.request)

    def on_message(self, source, message):
        if isinstance(message, Answer):
            self.observe("answer", (message.values, message.context.entries))


def play(records, request=None, at=None):
    """Servers with these records and one request to the server `at`: (the answer, the servers' records at the end)."""
    members = tuple(sorted(records))
    count = len(members)
    settings = DynamoSettings(
        servers=SERVERS,
        members=members,
        n=count,
        r=count,
        w=count,
        layout=Layout(partitions=1),
        anti_entropy_ns=ms(20),
        gossip_ns=seconds(9),
        handoff_ns=seconds(9),
    )

    def build(node):
        return Driver(at, request) if node == DRIVER else Loaded(settings, records.get(node))

    result = run(
        Scenario(
            name="dvv",
            nodes=DRIVER + 1,
            build=build,
            duration_ns=ms(300),
            network=Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
            observers=(partial(Recorded, ("answer",)),),
            final=lambda node: node.storage.records.get(KEY) if isinstance(node, Loaded) else None,
        )
    )
    answers = [each.value for each in recorded(result)]
    return answers, [result.final[member] for member in members]


def server(letter):
    return ord(letter) - ord("a")


def plain(record):
    """A record as the table writes it: values without the time that the store adds."""
    entries = [
        [node.lower(), count, [decode_version(v).value for v in values]] for node, count, values in record.entries
    ]
    return {"e": entries, "v": [decode_version(value).value for value in record.anonymous]}


def loaded(clock):
    """The table's notation as a record."""
    entries = [(n.upper(), count, tuple(encode_version(Version(v, 0)) for v in vs)) for n, count, vs in clock["e"]]
    return DottedVersionSet(tuple(entries), tuple(sorted(encode_version(Version(v, 0)) for v in clock["v"])))


class Program:
    """Evaluates one program of the table with the store."""

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
            case {"e": _, "v": _}:
                return loaded(expression)
            case ["new", context, value]:
                return (VectorClock() if context is None else self.context(context), value)
            case ["join", of]:
                return self.value(of)
            case ["update", client, present, node]:
                return self.put(self.value(client), self.value(present), server(node))
        raise AssertionError(expression)

    def put(self, client, present, at):
        context, value = client
        request = Put(DRIVER, 1, KEY, value, context, "c", 1)
        _, (record,) = play({at: present if present.entries else None}, request, at)
        return record

    def get(self, of):
        """(values, context) as a client is shown them."""
        (answer,), _ = play({0: self.value(of)}, Get(DRIVER, 1, KEY), 0)
        return answer[0], VectorClock(answer[1])

    def context(self, of):
        """What a client was given; of a client's own value, what it gives."""
        value = self.value(of)
        return value[0] if isinstance(value, tuple) else self.get(of)[1]

    def synchronized(self, one, other):
        """What two servers have after anti-entropy; the same on both."""
        _, (first, second) = play({0: self.value(one), 1: self.value(other)})
        assert first == second, "replicas converge"
        return plain(first)

    def check(self, what, *operands):
        match what:
            case "is":
                assert plain(self.value(operands[0])) == operands[1]
            case "join":
                lower = [[node.lower(), count] for node, count in self.context(operands[0]).entries]
                assert lower == operands[1]
            case "sync_is":
                assert self.synchronized(*operands[0]) == operands[1]
            case "sync_commutes":
                assert self.synchronized(*operands) == self.synchronized(*reversed(operands))
            case "less":
                assert (self.context(operands[0]) < self.context(operands[1])) is operands[2]
            case "equal":
                assert (self.context(operands[0]).compare(self.context(operands[1])) is Order.EQUAL) is operands[2]
            case "size":
                assert len(self.get(operands[0])[0]) == operands[1]
            case "values_sorted":
                assert sorted(self.get(operands[0])[0]) == operands[1]
            case "ids":
                assert [node.lower() for node in self.context_ids(operands[0])] == operands[1]
            case _:
                raise AssertionError(what)

    def context_ids(self, of):
        """Also of servers that counted nothing, which a context leaves out."""
        _, (record,) = play({0: self.value(of)})
        return record.ids


@pytest.mark.external
def test_the_tables_through_the_store(external_data):
    programs = json.loads((external_data / "dvv" / "dvvset_cases.json").read_text())["programs"]
    checked = 0
    for text in programs:
        program = Program(text["let"])
        for assertion in text["assert"]:
            program.check(*assertion)
            checked += 1
    assert len(programs) == 6 and checked == 37
