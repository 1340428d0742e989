"""What leaves a node cannot change behind the back of who has it, and what the kernel owns stays the kernel's."""

import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, NamedTuple

import msgspec
import pytest

from simclock import Network, Scenario, Uniform, UsageError, ms, seconds
from simclock.actors import Message, Node
from simclock.actors.run import run
from tests.test_failures import at_5ms, refused, scenario


class Thing:
    pass


@dataclass
class Loose:
    n: int = 1


@dataclass(frozen=True)
class Frozen:
    held: Any = ()


class Named(NamedTuple):
    held: Any


class LooseStruct(msgspec.Struct):
    n: int = 1


class FrozenStruct(msgspec.Struct, frozen=True):
    held: Any = ()


class Colour(Enum):
    RED = "red"


class Word(Message):
    text: str


MUTABLE: tuple[Callable[[], Any], ...] = (
    lambda: [1],
    lambda: {1},
    lambda: {"a": 1},
    lambda: bytearray(b"a"),
    lambda: memoryview(b"a"),
    lambda: deque([1]),
    Thing,
    Loose,
    LooseStruct,
    lambda: (1, (2, [3])),
    lambda: Frozen([1]),
    lambda: FrozenStruct({}),
    lambda: Named([1]),
    lambda: frozenset([Thing()]),
    lambda: (each for each in ()),
    lambda: print,
)
IMMUTABLE = (
    1, "a", b"a", None, True, 0.5, (1, ("a", None)), frozenset([1, "a"]), Word("x"), (1, Word("x")), Frozen((1,)),
    FrozenStruct((1,)), Named((1, b"a")), Colour.RED, Decimal(1), timedelta(1), uuid.UUID(int=7),
)  # fmt: skip


@pytest.mark.parametrize("make", MUTABLE)
@pytest.mark.parametrize(
    ("call", "let_out"),
    [
        ("observe('told'", lambda node, value: node.observe("told", value)),
        ("set_timer((", lambda node, value: node.set_timer((value,), ms(1))),
        ("disk.write('kept'", lambda node, value: node.disk.write("kept", value)),
        ("disk.append('log'", lambda node, value: node.disk.append("log", value)),
    ],
    ids=["observe", "set_timer", "write", "append"],
)
def test_what_can_change_is_refused_at_the_line_that_lets_it_out(
    make: Callable[[], Any], call: str, let_out: Callable[[Node, Any], None]
) -> None:
    said = refused(scenario(at_5ms(lambda node: let_out(node, make()))))
    assert said.startswith(call)
    assert "mutable" in said or "not known to be immutable" in said
    assert "(node 1 at 5ms" in said and __file__ in said and "0x" not in said


@pytest.mark.parametrize("value", IMMUTABLE, ids=repr)
def test_what_cannot_change_is_let_out(value: Any) -> None:
    def lets_out(node: Node) -> None:
        node.observe("told", value)
        node.disk.write("kept", value)
        node.disk.append("log", (value, value))
        node.set_timer(("again", value), seconds(2))

    made = scenario(at_5ms(lets_out), final=lambda node: node.disk.read("kept"))
    assert run(made).final == run(made, "windows").final == {0: None, 1: value, 2: None}


def test_what_is_observed_has_a_name() -> None:
    assert "what is observed has a name" in refused(scenario(at_5ms(lambda node: node.observe(["x"], 1))))


def test_what_final_gives_is_a_copy() -> None:
    """It is asked when the run is over, so a list says the same everywhere; but nobody gets hold of the node."""
    lists: dict[int, list[int]] = {}

    class Keeps(Node):
        def on_start(self) -> None:
            self.log = lists[self.id] = [1]

    result = run(scenario(lambda node: Keeps(), final=lambda node: (node.log, {"log": node.log})))
    lists[0].append(2)
    assert result.final[0] == ([1], {"log": [1]})


@pytest.mark.parametrize("hand_out", [lambda node: node, lambda node: [node], lambda node: (each for each in "")])
def test_what_final_cannot_copy_is_refused(hand_out: Callable[[Node], Any]) -> None:
    said = refused(scenario(lambda node: Node(), final=hand_out))
    assert "final(0)" in said and "(node 0 at 1s" in said and __file__ in said


# What the kernel owns.

OWNED = ("id", "nodes", "incarnation", "random", "clock", "disk")


@pytest.mark.parametrize("name", OWNED)
def test_what_the_kernel_owns_cannot_be_set(name: str) -> None:
    class SetsInInit(Node):
        def __init__(self) -> None:
            setattr(self, name, 0)

    for build in (
        at_5ms(lambda node: setattr(node, name, 0)),
        at_5ms(lambda node: delattr(node, name)),
        lambda node: SetsInInit(),
    ):
        said = refused(scenario(build))
        assert f"self.{name} is the kernel's" in said and __file__ in said


@pytest.mark.parametrize("name", OWNED)
def test_a_class_cannot_have_what_the_kernel_owns(name: str) -> None:
    with pytest.raises(UsageError, match=f"Own.{name}: self.{name} is the kernel's"):
        type("Own", (Node,), {name: 7})
    mixin = type("Mixin", (), {name: property(lambda self: 7)})
    with pytest.raises(UsageError, match=f"self.{name} is the kernel's"):
        type("Own", (mixin, Node), {})


def test_one_object_cannot_be_two_nodes() -> None:
    """On Ray it would be two objects, in process one with the number of the last."""
    one = Node()
    made = scenario(lambda node: one)
    for placement in ("inline", "windows"):
        with pytest.raises(UsageError, match="the scenario built one Node twice"):
            run(made, placement)


def test_counters_have_one_order_on_every_placement() -> None:
    class Restless(Node):
        def on_start(self) -> None:
            self.set_timer("t", ms(1))

        def on_timer(self, timer: str) -> None:
            self.broadcast(Word("x"))
            self.set_timer("t", ms(1))

    network = Network(latency=Uniform(low_ns=ms(1), high_ns=ms(9)), loss=0.1, duplication=0.1, corruption=0.1)
    made = Scenario(name="restless", nodes=4, build=lambda node: Restless(), duration_ns=ms(50), network=network)
    here, there = run(made), run(made, "windows")
    assert list(here.counters.items()) == list(there.counters.items())
