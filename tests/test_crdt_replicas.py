"""How states, deltas and operations travel: messages are handed to a replica by hand."""

from simclock.actors.standalone import Standalone
from simclock.clocks import VectorClock
from simclock.protocols.crdts import (
    MODES,
    TYPES,
    ReplicaSettings,
)
from simclock.protocols.crdts.messages import CausalOperation, DeltaPush, OperationsPush, PushAck, StatePush


class Desk(Standalone):
    """A replica without a network: what it sends and tells is kept."""

    def __init__(self, mode="delta", kind="g-set", node=0, **settings):
        made = ReplicaSettings(kind=kind, **settings)
        super().__init__(lambda: MODES[mode](made, TYPES[kind]), id=node, nodes=3)

    @property
    def replica(self):
        return self.node

    @property
    def told(self):
        return self.out.observed

    def ask(self, *operation):
        self.replica.updates += 1
        self.replica.version += 1
        self.replica.carry_out(operation)

    def pushes(self, neighbour):
        self.out.take_sent()
        self.replica.push(neighbour)
        [(target, message)] = self.out.take_sent()
        assert target == neighbour
        return message

    def hears(self, source, message):
        self.out.take_sent()
        self.on_message(source, message)
        return [message for _, message in self.out.take_sent()]


def test_an_interval_holds_what_came_after_the_last_one_sent():
    desk = Desk()
    desk.ask("add", "a")
    first = desk.pushes(1)
    assert isinstance(first, DeltaPush) and (first.first, first.version) == (0, 1)
    desk.ask("add", "b")
    desk.ask("add", "c")
    second = desk.pushes(1)
    assert (second.first, second.version) == (1, 3)
    assert TYPES["g-set"].decode(second.delta).value == ("b", "c")


def test_an_interval_after_a_gap_is_refused_and_sent_again_from_what_is_acknowledged():
    source, target = Desk(), Desk(node=1)
    source.ask("add", "a")
    source.pushes(1)  # lost
    source.ask("add", "b")
    [refusal] = target.hears(0, source.pushes(1))
    assert refusal == PushAck(0, True) and target.replica.state.value == ()
    source.hears(1, refusal)
    again = source.pushes(1)
    assert (again.first, again.version) == (0, 2)
    [taken] = target.hears(0, again)
    assert taken == PushAck(2, False) and target.replica.state.value == ("a", "b")
    source.hears(1, taken)
    assert not source.replica.is_unacknowledged(1)


def test_who_is_further_behind_than_deltas_are_kept_gets_the_whole_state():
    desk = Desk(deltas_max=2)
    for name in "abcd":
        desk.ask("add", name)
    assert isinstance(desk.pushes(1), StatePush) and desk.replica.whole_states == 1
    assert len(desk.replica.deltas) == 2


def test_deltas_that_all_have_are_forgotten_and_no_others():
    desk = Desk()
    desk.ask("add", "a")
    desk.ask("add", "b")
    desk.hears(1, PushAck(2, False))
    desk.ask("add", "c")
    assert list(desk.replica.deltas) == [1, 2, 3]
    desk.hears(2, PushAck(1, False))
    desk.ask("add", "d")
    assert list(desk.replica.deltas) == [2, 3, 4]


def test_news_alone_are_kept_and_do_not_go_back():
    """Enes et al. 2019: remove redundant state, avoid back-propagation."""
    desk = Desk()
    desk.ask("add", "a")
    heard = TYPES["g-set"](("a", "b"))
    desk.hears(1, StatePush(7, heard.encode()))
    assert TYPES["g-set"].decode(desk.pushes(2).delta).value == ("a", "b")
    assert desk.replica.deltas[2][0].value == ("b",)
    back = desk.pushes(1)
    assert back.version == 2 and TYPES["g-set"].decode(back.delta).value == ("a",)


def test_what_comes_late_takes_nothing_back():
    """An older state after a newer one: what has arrived is told as before."""
    desk = Desk()
    desk.hears(1, StatePush(7, TYPES["g-set"](("a", "b")).encode()))
    assert desk.hears(1, StatePush(3, TYPES["g-set"](("a",)).encode())) == [PushAck(7, False)]


def test_what_is_acknowledged_is_durable():
    for mode, message in (
        ("delta", StatePush(1, TYPES["g-set"](("a",)).encode())),
        ("operations", OperationsPush((CausalOperation(1, 1, VectorClock(), b"\xa1a"),))),
    ):
        desk = Desk(mode)
        [answer] = desk.hears(1, message)
        assert answer is not None
        desk.restart()
        assert desk.replica.state.value == ("a",) and desk.replica.version == 1


def test_an_operation_waits_for_what_came_before_it():
    desk = Desk("operations", "set", node=2)
    source = Desk("operations", "set", node=0)
    source.ask("add", "a")
    add = source.replica.operations[0]
    other = Desk("operations", "set", node=1)
    other.hears(0, OperationsPush((add,)))
    other.ask("remove", "a")
    remove = other.replica.operations[-1]
    assert remove.after == VectorClock(((0, 1),))
    desk.hears(1, OperationsPush((remove,)))
    assert desk.replica.version == 0 and desk.replica.delivered == VectorClock()
    desk.hears(0, OperationsPush((add, add)))
    assert desk.replica.state.value == () and desk.replica.delivered == VectorClock(((0, 1), (1, 1)))
    assert [value[1:3] for name, value in desk.told if name == "delivered"] == [(0, 1), (1, 1)]
    desk.hears(0, OperationsPush((add,)))
    assert desk.replica.version == 2, "delivered once"
