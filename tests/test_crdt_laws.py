"""The laws of every replicated data type, on states that replicas can reach, and what they are specified to be."""

import json
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simclock.clocks import VectorClock
from simclock.experiments.catalog.crdts.specification import Asked, chosen, specified
from simclock.protocols.crdts import TYPES, GCounter, LwwRegister, PNCounter
from simclock.protocols.crdts.workload import draw_operation

REPLICAS = 3
EVERY_TYPE = pytest.mark.parametrize("kind", TYPES)
steps = st.lists(
    st.tuples(
        st.integers(0, REPLICAS - 1),
        st.one_of(
            st.tuples(st.just("ask"), st.lists(st.integers(0, 40), min_size=6, max_size=6)),
            st.tuples(st.just("meet"), st.integers(0, REPLICAS - 1)),
            st.tuples(st.just("delta"), st.integers(0, 30)),
        ),
    ),
    min_size=4,
    max_size=26,
)


class World:
    """Three replicas that ask, meet and hand old deltas on; every state that occurred, and what it had seen."""

    def __init__(self, kind, steps):
        self.kind = kind
        self.states = [TYPES[kind]() for _ in range(REPLICAS)]
        self.seen = [0] * REPLICAS
        self.asked = []
        self.deltas = []
        self.reached = [(self.states[0], 0)]
        for replica, step in steps:
            match step:
                case ("ask", numbers):
                    self.ask(replica, numbers)
                case ("meet", other):
                    self.take(replica, self.states[other], self.seen[other])
                case ("delta", number) if self.deltas:
                    delta, needs, adds = self.deltas[number % len(self.deltas)]
                    if needs & ~self.seen[replica] == 0:  # the causal-merge condition
                        self.take(replica, delta, adds)

    def ask(self, replica, numbers):
        numbers = iter(numbers)
        state = self.states[replica]
        operation = draw_operation(
            self.kind, state, lambda n: next(numbers, 0) % n, names=3, wall_ns=len(self.asked) % 3
        )
        bit = 1 << len(self.asked)
        self.asked.append(Asked(len(self.asked), replica, operation, self.seen[replica]))
        delta = state.delta(replica, operation)
        self.deltas.append((delta, self.seen[replica], bit))
        merged = state.merge(delta)
        assert state <= merged, "a change inflates"
        assert merged == state.effect(state.prepare(replica, operation), replica), (
            "an operation does what its delta does"
        )
        self.states[replica] = merged
        self.seen[replica] |= bit
        self.reached.append((merged, self.seen[replica]))

    def take(self, replica, state, seen):
        self.states[replica] = self.states[replica].merge(state)
        self.seen[replica] |= seen
        self.reached.append((self.states[replica], self.seen[replica]))


@EVERY_TYPE
@given(steps=steps)
@settings(max_examples=35)
def test_values_are_as_specified_and_one_history_has_one_state(kind, steps):
    world = World(kind, steps)
    by_history = {}
    for state, seen in world.reached:
        assert state.value == specified(kind, chosen(world.asked, seen))
        assert by_history.setdefault(seen, state) == state
        assert type(state).decode(state.encode()) == state
        hash(state.value)


@EVERY_TYPE
@given(steps=steps)
@settings(max_examples=20)
def test_merge_is_a_least_upper_bound(kind, steps):
    world = World(kind, steps)
    states = list(dict.fromkeys([*world.states, *(state for state, _ in world.reached[-4:])]))
    bottom = TYPES[kind]()
    for one, two in product(states, states):
        both = one.merge(two)
        assert both == two.merge(one), "commutative"
        assert one <= both and two <= both, "an upper bound"
        assert (one <= two) == (both == two)
        news = one.beyond(two)
        assert two.merge(news) == both and news <= one, "news are all of what is new"
        assert news.beyond(two) == news and (news == bottom) == (one <= two), "and nothing else"
        assert both.merge(one) == both, "idempotent"
    for one, two, three in product(states, states, states):
        assert one.merge(two).merge(three) == one.merge(two.merge(three)), "associative"
        if one <= three and two <= three:
            assert one.merge(two) <= three, "the least"
        if one <= two:
            assert one.merge(three) <= two.merge(three), "monotone"
    for one in states:
        assert one.merge(one) == one and one.merge(bottom) == one and bottom <= one


@EVERY_TYPE
@given(steps=steps)
@settings(max_examples=20)
def test_deltas_can_be_put_together_before_they_are_merged(kind, steps):
    """Almeida et al. 2018, 4: a delta-group is as good as its deltas, one after the other."""
    world = World(kind, steps)
    group, state = TYPES[kind](), TYPES[kind]()
    for delta, _, _ in world.deltas:
        group, state = group.merge(delta), state.merge(delta)
        assert group == state
    everything = world.states[0].merge(world.states[1]).merge(world.states[2])
    assert everything.merge(group) == everything
    assert state.value == specified(kind, world.asked) and group.merge(everything) == everything


@EVERY_TYPE
@given(steps=steps, orders=st.lists(st.integers(0, 40), min_size=30, max_size=30))
@settings(max_examples=20)
def test_operations_commute_in_every_causal_order(kind, steps, orders):
    """RR-7506: concurrent effects commute, so delivery in causal order is enough."""
    kind_class, world = TYPES[kind], World(kind, [])
    prepared = []
    numbers = iter(orders)

    def deliver(replica, number):
        asked, effect = world.asked[number], prepared[number]
        world.states[replica] = world.states[replica].effect(effect, asked.replica)
        world.seen[replica] |= 1 << number

    for replica, step in steps:
        if step[0] == "ask":
            state, draws = world.states[replica], iter(step[1])
            operation = draw_operation(kind, state, lambda n, draws=draws: next(draws, 0) % n, names=3)
            prepared.append(state.prepare(replica, operation))
            world.asked.append(Asked(len(world.asked), replica, operation, world.seen[replica]))
            deliver(replica, len(prepared) - 1)
        else:
            ready = [
                each.number
                for each in world.asked
                if not world.seen[replica] >> each.number & 1 and each.seen & ~world.seen[replica] == 0
            ]
            if ready:
                deliver(replica, ready[next(numbers, 0) % len(ready)])
        assert world.states[replica].value == specified(kind, chosen(world.asked, world.seen[replica]))
    for replica in range(REPLICAS):
        for number in range(len(prepared)):  # as they were asked is one causal order
            if not world.seen[replica] >> number & 1:
                deliver(replica, number)
    assert world.states[0] == world.states[1] == world.states[2]
    assert type(world.states[0]) is kind_class


# Tables that others wrote.


@pytest.fixture
def riak(external_data):
    return json.loads((external_data / "riak_dt" / "cases.json").read_text())


def g_counter(counts):
    return GCounter(VectorClock.of(counts))


def pn_counter(counts):
    up, down = ({actor: pair[side] for actor, pair in counts.items()} for side in (0, 1))
    return PNCounter(VectorClock.of(up), VectorClock.of(down))


MADE = {"gcounter": g_counter, "pncounter": pn_counter}


@pytest.mark.external
@pytest.mark.parametrize("name", MADE)
def test_riak_counters(riak, name):
    """basho/riak_dt, EUnit of riak_dt_gcounter and riak_dt_pncounter: value, merge, usage."""
    table, make = riak[name], MADE[name]
    for case in table["value"]:
        assert make(case["state"]).value == case["value"]
    for case in table["merge"]:
        assert make(case["a"]).merge(make(case["b"])) == make(case["out"]) == make(case["b"]).merge(make(case["a"]))
    states = play(table["usage"]["ops"], type(make({})))
    assert states["M"] == make(table["usage"]["expect"]["M"])


def play(lines, kind):
    """The steps of a table: X.inc(a1,2), Z=merge(X,Y)."""
    states = {}
    for line in lines:
        if "=" in line:
            target, call = line.split("=")
            one, two = call.removeprefix("merge(").rstrip(")").split(",")
            states[target] = states.get(one, kind()).merge(states.get(two, kind()))
        else:
            target, call = line.split(".")
            name, _, arguments = call.rstrip(")").partition("(")
            actor, amount = arguments.split(",")
            operation = ("increment" if name == "inc" else "decrement", int(amount))
            state = states.get(target, kind())
            states[target] = state.merge(state.delta(actor, operation))
    return states


@pytest.mark.external
def test_riak_pn_counter_query(riak):
    case = riak["pncounter"]["query"]
    counter = play(case["ops"], PNCounter)["X"]
    assert counter.value == case["value"]
    assert GCounter(counter.increments).value == case["positive"]
    assert GCounter(counter.decrements).value == case["negative"]


@pytest.mark.external
def test_riak_lww_register(riak):
    for case in riak["lwwreg"]:
        register = LwwRegister()
        for line in case.get("ops", []):
            value, _, time = line.removeprefix("assign(").rstrip(")").partition(",ts=")
            register = register.merge(register.delta(0, ("assign", value, int(time))))
        for value, time in case.get("merge", []):
            register = register.merge(LwwRegister(value, time, 0))
        assert [register.value, register.time] == case["expect"]
