"""Sentences of DeCandia et al. 2007, each on a small store that a script drives."""

from functools import partial

import pytest

from simclock import Crash, Network, Partition, Restart, Scenario, Uniform, ms, seconds
from simclock.actors import Node, run
from simclock.clocks import VectorClock
from simclock.experiments.telling.recorded import Recorded, recorded
from simclock.protocols.dynamo import (
    CONFLICT,
    OK,
    UNAVAILABLE,
    Administrator,
    ClientVectors,
    DottedSets,
    DynamoServer,
    DynamoSettings,
    Layout,
    Ring,
)
from simclock.protocols.dynamo.messages import Answer, Delete, Get, Put

KEY = "k"
NAMES = (
    "answer",
    "context",
    "removed",
    "coordinates",
    "hinted",
    "delivered",
    "repair",
    "synchronized",
    "moved",
    "members",
)


class Script(Node):
    """Sends requests: (at_ns, server, "get"), or (at_ns, server, "put" or "delete", value or name, with what context).

    That is none (False), the latest (True), or that of the answer to an earlier request, by its number from 1.
    """

    def __init__(self, steps):
        self.steps = steps
        self.contexts = {False: VectorClock()}

    def on_start(self):
        for number, step in enumerate(self.steps):
            self.set_timer(number, step[0])

    def on_timer(self, number):
        _, server, function, *arguments = self.steps[number]
        request = number + 1
        if function == "get":
            self.send(server, Get(self.id, request, KEY))
        else:
            value, which = arguments
            context = self.contexts.get(max(self.contexts) if which is True else which, VectorClock())
            kind = {"put": Put, "delete": Delete}[function]
            self.send(server, kind(self.id, request, KEY, value, context, f"c{request}", 1))

    def on_message(self, source, message):
        assert isinstance(message, Answer)
        self.contexts[message.request] = message.context
        self.observe("answer", (message.request, message.status, message.values))
        self.observe("context", (message.request, message.context.entries, message.tombstones))


def owners(members=4, n=3):
    """The preference list of the key, then the servers after it."""
    ring = Ring(tuple(range(members)), Layout())
    return list(ring.walk(ring.partition(KEY))[:n]), list(ring.walk(ring.partition(KEY))[n:])


def play(
    steps,
    *,
    members=4,
    spares=0,
    faults=(),
    orders=(),
    versioning=DottedSets,
    network=None,
    server=DynamoServer,
    seed=0,
    **settings,
):
    """Run the script; gives (answers by request, observations, final records by server)."""
    settings = {"anti_entropy_ns": 0, "read_repair": False, **settings}
    servers = tuple(range(members + spares))
    made = DynamoSettings(servers=servers, members=servers[:members], **settings)

    def build(node):
        if node < len(servers):
            return server(made, versioning())
        return Script(steps) if node == len(servers) else Administrator(orders)

    result = run(
        Scenario(
            name="paper",
            seed=seed,
            nodes=len(servers) + 2,
            build=build,
            duration_ns=seconds(5),
            network=network or Network(latency=Uniform(low_ns=ms(1), high_ns=ms(2))),
            faults=faults,
            observers=(partial(Recorded, NAMES),),
            final=lambda node: values(node) if isinstance(node, DynamoServer) else None,
        )
    )
    told = recorded(result)
    answers = {each.value[0]: each.value[1:] for each in told if each.name == "answer"}
    return answers, told, result.final


def values(node):
    if KEY not in node.storage.records:
        return None
    return [version.value for version in node.versioning.versions(node.storage.records[KEY])]


def observed(told, name):
    return [(each.node, each.value) for each in told if each.name == name]


FIRST, LAST = owners()
COORDINATOR, SECOND, THIRD = FIRST
OUTSIDER = LAST[0]


def test_4_1_get_returns_a_list_of_conflicting_versions_with_a_context():
    """And a put with that context replaces them all."""
    for versioning in (DottedSets, ClientVectors):
        steps = (
            (ms(10), COORDINATOR, "put", "a", False),
            (ms(30), SECOND, "put", "b", False),
            (ms(50), THIRD, "get"),
            (ms(70), THIRD, "put", "c", True),
            (ms(90), SECOND, "get"),
        )
        answers, _, _ = play(steps, versioning=versioning)
        assert answers[3] == (CONFLICT, ("a", "b")) and answers[5] == (OK, ("c",))


def test_4_2_each_data_item_is_replicated_at_n_hosts():
    _, _, final = play(((ms(10), COORDINATOR, "put", "v", False),))
    assert [final[server] for server in FIRST] == [["v"]] * 3 and final[OUTSIDER] is None


@pytest.mark.parametrize(("down", "w", "status"), [(1, 2, OK), (1, 3, UNAVAILABLE), (2, 2, UNAVAILABLE), (2, 1, OK)])
def test_4_5_w_nodes_must_participate_in_a_write(down, w, status):
    faults = tuple(Crash(at_ns=ms(1), node=server) for server in FIRST[-down:])
    answers, _, _ = play(((ms(10), COORDINATOR, "put", "v", False),), faults=faults, w=w, quorum="strict")
    assert answers[1][0] == status


@pytest.mark.parametrize(("down", "r", "status"), [(1, 2, OK), (1, 3, UNAVAILABLE), (2, 2, UNAVAILABLE)])
def test_4_5_r_nodes_must_participate_in_a_read(down, r, status):
    faults = tuple(Crash(at_ns=ms(100), node=server) for server in FIRST[-down:])
    steps = ((ms(10), COORDINATOR, "put", "v", False), (ms(200), COORDINATOR, "get"))
    answers, _, _ = play(steps, faults=faults, r=r, quorum="strict")
    assert answers[2] == (status, ("v",) if status == OK else ())


@pytest.mark.parametrize("function", ["put", "get"])
def test_4_6_a_client_is_told_when_all_that_are_well_are_too_few(function):
    """Three servers, one down and suspected by then: the two that are asked answer, and R = W = 3 cannot be had."""
    step = ("put", "v", False) if function == "put" else ("get",)
    steps = ((ms(10), COORDINATOR, *step), (ms(200), COORDINATOR, *step))
    down = next(server for server in range(3) if server != COORDINATOR)
    answers, told, _ = play(steps, members=3, faults=(Crash(at_ns=ms(1), node=down),), r=3, w=3)
    assert answers == {1: (UNAVAILABLE, ()), 2: (UNAVAILABLE, ())}
    second = [each.time_ns for each in told if each.name == "answer"][1]
    assert second < ms(200) + ms(50), "nobody is waited for"


@pytest.mark.parametrize("reader", [COORDINATOR, SECOND])
def test_4_5_a_read_returns_what_is_newest_whoever_answers_last(reader):
    """R = 2 of N = 2: a coordinator counts itself first, and then hears the other, stale or newer."""
    cut = (
        Partition(at_ns=ms(200), groups=((SECOND,), (COORDINATOR, 4))),
        Partition(at_ns=ms(900), groups=()),
    )
    steps = (
        (ms(10), COORDINATOR, "put", "old", False),
        (ms(300), COORDINATOR, "put", "new", True),
        (seconds(2), reader, "get"),
    )
    answers, _, final = play(steps, faults=cut, n=2, r=2, w=1, quorum="strict")
    assert answers[3] == (OK, ("new",))
    assert final[COORDINATOR] == ["new"] and final[SECOND] == ["old"], "the second is still stale"


def test_4_5_what_was_acknowledged_survives_the_crash_of_all():
    """Durable before acknowledged: the crash comes in the instant after the answer has left."""
    _, told, _ = play(((ms(10), COORDINATOR, "put", "v", False),), w=3)
    (answered_ns,) = [each.time_ns for each in told if each.name == "answer"]
    crashes = [Crash(at_ns=answered_ns - ms(1), node=server) for server in range(4)]
    restarts = [Restart(at_ns=seconds(1), node=server) for server in range(4)]
    steps = ((ms(10), COORDINATOR, "put", "v", False), (seconds(2), SECOND, "get"))
    answers, _, _ = play(steps, faults=(*crashes, *restarts), w=3)
    assert answers[1] == answers[2] == (OK, ("v",))


def test_5_a_node_outside_the_preference_list_forwards_to_the_first_that_is_well():
    for crashed, coordinates in (((), COORDINATOR), ((COORDINATOR,), SECOND)):
        faults = tuple(Crash(at_ns=ms(1), node=server) for server in crashed)
        steps = ((ms(10), OUTSIDER, "put", "v", False), (ms(500), OUTSIDER, "put", "w", False))
        answers, told, _ = play(steps, faults=faults)
        assert observed(told, "coordinates")[-1][0] == coordinates
        assert (1 in answers) is (not crashed) and 2 in answers, "what was sent to the crashed one is lost"


def test_4_6_a_hinted_replica_is_delivered_when_the_node_is_back():
    faults = (Crash(at_ns=ms(1), node=THIRD), Restart(at_ns=seconds(2), node=THIRD))
    answers, told, final = play(((ms(10), COORDINATOR, "put", "v", False),), faults=faults, w=3)
    assert answers[1] == (OK, ("v",)), "with a stand-in there are three"
    assert observed(told, "hinted") == [(OUTSIDER, (KEY, THIRD))]
    assert observed(told, "delivered") == [(OUTSIDER, (KEY, THIRD))]
    assert final[THIRD] == ["v"] and final[OUTSIDER] is None


def test_4_6_always_writeable_while_one_node_of_the_system_can_be_reached():
    """The outsider is alone with the client: it coordinates, and gives the key to those it belongs to later."""
    alone = Partition(at_ns=ms(1), groups=((OUTSIDER, 4), tuple(FIRST)))
    steps = [(at, OUTSIDER, "put", f"v{number}", True) for number, at in enumerate((ms(10), ms(200), ms(400), ms(600)))]
    answers, told, final = play(steps, faults=(alone, Partition(at_ns=seconds(2), groups=())), w=1)
    assert answers[4] == (OK, ("v3",)), "the first three were lost on the way to owners that did not answer"
    assert observed(told, "moved") == [(OUTSIDER, KEY)]
    assert [final[server] for server in FIRST] == [["v3"]] * 3 and final[OUTSIDER] is None


@pytest.mark.parametrize("read_repair", [True, False])
def test_5_read_repair_updates_a_stale_replica(read_repair):
    cut = (
        Partition(at_ns=ms(1), groups=((THIRD,), (COORDINATOR, SECOND, OUTSIDER))),
        Partition(at_ns=ms(700), groups=()),
    )
    steps = ((ms(10), COORDINATOR, "put", "v", False), (seconds(3), COORDINATOR, "get"))
    _, told, final = play(steps, faults=cut, quorum="strict", read_repair=read_repair)
    assert final[THIRD] == (["v"] if read_repair else None)
    assert bool(observed(told, "repair")) is read_repair


@pytest.mark.parametrize("every_ns", [ms(200), 0])
def test_4_7_replicas_synchronize_in_the_background(every_ns):
    """And when they are equal, they send no more than the hashes of their roots."""
    cut = (
        Partition(at_ns=ms(1), groups=((THIRD,), (COORDINATOR, SECOND, OUTSIDER))),
        Partition(at_ns=ms(700), groups=()),
    )
    steps = ((ms(10), COORDINATOR, "put", "v", False),)
    _, told, final = play(steps, faults=cut, quorum="strict", anti_entropy_ns=every_ns)
    assert final[THIRD] == (["v"] if every_ns else None)
    assert len(observed(told, "synchronized")) == (1 if every_ns else 0)


def test_4_9_a_node_that_leaves_hands_its_keys_over_and_drops_them():
    orders = ((seconds(1), SECOND, COORDINATOR, False),)
    _, told, final = play(((ms(10), COORDINATOR, "put", "v", False),), orders=orders)
    now, _ = owners_of({0, 1, 2, 3} - {COORDINATOR})
    assert [final[server] for server in now] == [["v"]] * 3 and final[COORDINATOR] is None
    assert observed(told, "moved") == [(COORDINATOR, KEY)]


def test_4_9_a_node_that_joins_gets_the_keys_that_are_now_its_own():
    joined, _ = owners_of({0, 1, 2, 3, 4})
    key_moves = 4 in joined
    orders = ((seconds(1), 0, 4, True),)
    _, told, final = play(
        ((ms(10), COORDINATOR, "put", "v", False),), members=4, spares=1, orders=orders, anti_entropy_ns=ms(100)
    )
    assert (final[4] == ["v"]) is key_moves and [final[server] for server in joined] == [["v"]] * 3
    assert sorted(server for server, _ in observed(told, "moved")) == sorted(set(FIRST) - set(joined))


def owners_of(members):
    ring = Ring(tuple(sorted(members)), Layout())
    walk = ring.walk(ring.partition(KEY))
    return list(walk[:3]), list(walk[3:])


def test_a_put_that_the_network_delivers_twice_is_one_write():
    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(40)), duplication=0.9)
    steps = (
        (ms(10), COORDINATOR, "put", "a", False),
        (ms(35), COORDINATOR, "put", "b", True),
        (ms(600), COORDINATOR, "get"),
    )
    _, told, _ = play(steps, network=network)
    assert sorted(value[1] for _, value in observed(told, "coordinates")) == [1, 2]
